//! The server: which scripts it knows, when it refuses them, and its replies as RESP.

use super::keyspace::{Keyspace, Reply};
use super::lua::Interpreter;
use super::sha1::sha1;
use mlua::Function;
use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::rc::Rc;

struct Script {
    function: Function,
    flags: Option<String>,
}

/// A Redis server.
pub struct Server {
    keys: Rc<RefCell<Keyspace>>,
    interpreter: Interpreter,
    scripts: HashMap<String, Script>,
    /// The digests of texts.
    known: Vec<(Vec<u8>, String)>,
    /// It is a replica, or has lost its own: no script that may write.
    pub read_only: bool,
    /// Its memory is full.
    pub full: bool,
}

impl Server {
    /// An empty server.
    pub fn new() -> Self {
        let keys = Keyspace { epoch: 0xa11ce, ..Keyspace::default() };
        let keys = Rc::new(RefCell::new(keys));
        let interpreter = Interpreter::new(&keys);
        Self { keys, interpreter, scripts: HashMap::new(), known: Vec::new(), read_only: false, full: false }
    }

    /// What it holds.
    pub fn keys(&self) -> RefMut<'_, Keyspace> {
        self.keys.borrow_mut()
    }

    /// Forgets the scripts, as `SCRIPT FLUSH`, a restart and a failover do.
    pub fn flush_scripts(&mut self) {
        self.scripts.clear();
        self.known.clear();
    }

    /// Runs a command at a moment of its clock, in microseconds since 1970; the reply as RESP.
    pub fn run(&mut self, command: &[Vec<u8>], clock: i64) -> Vec<u8> {
        self.keys().clock = clock;
        let reply = match command {
            [name, ..] if !super::acl::allows(&String::from_utf8_lossy(name), &[]) => refused(),
            [name, text, rest @ ..] if name == b"EVAL" => self.eval(text, rest),
            [name, sha, rest @ ..] if name == b"EVALSHA" => self.evalsha(sha, rest),
            _ => refused(),
        };
        let mut bytes = Vec::new();
        write(&reply, &mut bytes);
        bytes
    }

    fn eval(&mut self, text: &[u8], rest: &[Vec<u8>]) -> Reply {
        // As Redis does, it compiles what it knows no second time.
        let known = self.known.iter().find(|(known, _)| known == text).map(|(_, sha)| sha.clone());
        if let Some(sha) = known.filter(|sha| self.scripts.contains_key(sha)) {
            return self.evalsha(sha.as_bytes(), rest);
        }
        let sha = sha1(text);
        self.known.retain(|(known, _)| known != text);
        self.known.push((text.to_vec(), sha.clone()));
        let text = String::from_utf8_lossy(text);
        let (flags, code) = match text.split_once('\n').filter(|(first, _)| first.starts_with("#!lua")) {
            Some((first, code)) => (Some(first["#!lua".len()..].trim().to_owned()), format!("\n{code}")),
            None => (None, text.to_string()),
        };
        match self.interpreter.compile(&code) {
            Ok(function) => self.scripts.insert(sha.clone(), Script { function, flags }),
            Err(error) => return Reply::Error(format!("ERR Error compiling script: {error}")),
        };
        self.evalsha(sha.as_bytes(), rest)
    }

    fn evalsha(&mut self, sha: &[u8], rest: &[Vec<u8>]) -> Reply {
        let Some(script) = self.scripts.get(&String::from_utf8_lossy(sha).into_owned()) else {
            return Reply::Error("NOSCRIPT No matching script. Please use EVAL.".into());
        };
        if let Some(refusal) = self.refusal(script.flags.as_deref()) {
            return Reply::Error(refusal.into());
        }
        let Some((keys, arguments)) = split(rest) else {
            return Reply::Error("ERR Number of keys can't be greater than number of args".into());
        };
        self.keys().declared = keys.to_vec();
        self.interpreter.run(&script.function, keys, arguments)
    }

    /// With a shebang a script says beforehand what it may do, and is refused before it begins.
    fn refusal(&self, flags: Option<&str>) -> Option<&'static str> {
        let flags = flags?;
        if self.read_only && !flags.contains("no-writes") {
            return Some("READONLY You can't write against a read only replica.");
        }
        let refused = self.full && !flags.contains("allow-oom") && !flags.contains("no-writes");
        refused.then_some("OOM command not allowed when used memory > 'maxmemory'.")
    }
}

fn refused() -> Reply {
    Reply::Error("NOPERM this user has no permissions to run this command".into())
}

type Arguments<'a> = &'a [Vec<u8>];

fn split(rest: Arguments<'_>) -> Option<(Arguments<'_>, Arguments<'_>)> {
    let (count, rest) = rest.split_first()?;
    rest.split_at_checked(std::str::from_utf8(count).ok()?.parse().ok()?)
}

fn write(reply: &Reply, bytes: &mut Vec<u8>) {
    match reply {
        Reply::Nil => bytes.extend_from_slice(b"$-1\r\n"),
        Reply::Status(text) => bytes.extend_from_slice(format!("+{text}\r\n").as_bytes()),
        Reply::Integer(number) => bytes.extend_from_slice(format!(":{number}\r\n").as_bytes()),
        Reply::Error(text) => bytes.extend_from_slice(format!("-{text}\r\n").as_bytes()),
        Reply::Bulk(payload) => {
            bytes.extend_from_slice(format!("${}\r\n", payload.len()).as_bytes());
            bytes.extend_from_slice(payload);
            bytes.extend_from_slice(b"\r\n");
        }
        Reply::Array(members) => {
            bytes.extend_from_slice(format!("*{}\r\n", members.len()).as_bytes());
            members.iter().for_each(|member| write(member, bytes));
        }
    }
}
