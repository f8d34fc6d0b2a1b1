//! Lua as Redis runs it: `redis.call`, `redis.pcall`, `KEYS`, `ARGV`, no globals, replies converted both ways.

use super::keyspace::{Keyspace, Reply};
use mlua::{Function, Lua, MultiValue, Table, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// An interpreter over a keyspace.
pub struct Interpreter {
    lua: Lua,
}

impl Interpreter {
    pub fn new(keys: &Rc<RefCell<Keyspace>>) -> Self {
        let lua = Lua::new();
        let redis = lua.create_table().unwrap();
        redis.set("call", calling(&lua, Rc::clone(keys), true)).unwrap();
        redis.set("pcall", calling(&lua, Rc::clone(keys), false)).unwrap();
        let globals = lua.globals();
        globals.set("redis", redis).unwrap();
        for unsafe_name in ["os", "io", "require", "dofile", "loadfile", "print", "package"] {
            globals.set(unsafe_name, Value::Nil).unwrap();
        }
        let protect = "setmetatable(_G, { __newindex = function(_, name) error('global variable ' .. name) end, \
                       __index = function(_, name) error('no global ' .. name) end })";
        lua.load(protect).exec().unwrap();
        Self { lua }
    }

    /// Compiles a script without its shebang.
    pub fn compile(&self, text: &str) -> Result<Function, String> {
        self.lua.load(text).set_name("@user_script").into_function().map_err(|error| error.to_string())
    }

    /// Runs a compiled script.
    pub fn run(&self, script: &Function, keys: &[Vec<u8>], arguments: &[Vec<u8>]) -> Reply {
        let globals = self.lua.globals();
        globals.raw_set("KEYS", strings(&self.lua, keys)).unwrap();
        globals.raw_set("ARGV", strings(&self.lua, arguments)).unwrap();
        match script.call::<Value>(()) {
            Ok(value) => reply(&value),
            Err(error) => Reply::Error(format!("ERR {}", error.to_string().lines().next().unwrap_or_default())),
        }
    }
}

fn strings(lua: &Lua, values: &[Vec<u8>]) -> Table {
    let strings = values.iter().map(|value| lua.create_string(value).unwrap());
    lua.create_sequence_from(strings).unwrap()
}

fn calling(lua: &Lua, keys: Rc<RefCell<Keyspace>>, raises: bool) -> Function {
    lua.create_function(move |lua, arguments: MultiValue| {
        let command: Option<Vec<Vec<u8>>> = arguments.iter().map(argument).collect();
        let Some(command) = command else {
            let text = "ERR Lua redis lib command arguments must be strings or integers";
            return Err(mlua::Error::RuntimeError(text.into()));
        };
        match keys.borrow_mut().call(&command) {
            Reply::Error(text) if raises => Err(mlua::Error::RuntimeError(text)),
            reply => value(lua, &reply),
        }
    })
    .unwrap()
}

fn argument(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(number) => Some(number.to_string().into_bytes()),
        // Redis writes Lua numbers with %.17g.
        Value::Number(number) => Some(format!("{number}").into_bytes()),
        _ => None,
    }
}

fn value(lua: &Lua, reply: &Reply) -> mlua::Result<Value> {
    Ok(match reply {
        Reply::Nil => Value::Boolean(false),
        Reply::Status(text) => {
            let table = lua.create_table()?;
            table.set("ok", *text)?;
            Value::Table(table)
        }
        Reply::Integer(number) => Value::Number(*number as f64),
        Reply::Bulk(bytes) => Value::String(lua.create_string(bytes)?),
        Reply::Array(members) => {
            let table = lua.create_table()?;
            for member in members {
                table.raw_push(value(lua, member)?)?;
            }
            Value::Table(table)
        }
        Reply::Error(text) => {
            let table = lua.create_table()?;
            table.set("err", text.as_str())?;
            Value::Table(table)
        }
    })
}

fn reply(value: &Value) -> Reply {
    match value {
        Value::String(text) => Reply::Bulk(text.as_bytes().to_vec()),
        Value::Integer(number) => Reply::Integer(*number),
        Value::Number(number) => Reply::Integer(*number as i64),
        Value::Boolean(true) => Reply::Integer(1),
        Value::Table(table) if table.contains_key("ok").unwrap() => Reply::Status("OK"),
        Value::Table(table) => match table.get::<String>("err") {
            Ok(text) => Reply::Error(text),
            Err(_) => Reply::Array(table.sequence_values::<Value>().map(|member| reply(&member.unwrap())).collect()),
        },
        _ => Reply::Nil,
    }
}
