//! The shipped rights of the user that webdis logs in as.

use std::collections::BTreeSet;
use std::sync::LazyLock;

const USERS: &str = include_str!("../../../envoy/users.acl");

/// What it is granted: commands, and subcommands after a bar.
static GRANTED: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let user = USERS.lines().find(|line| line.starts_with("user default ")).unwrap();
    user.split(' ').filter_map(|right| right.strip_prefix('+')).collect()
});

/// Whether that user may run a command: what is not granted is refused.
pub fn allows(name: &str, arguments: &[Vec<u8>]) -> bool {
    let name = name.to_ascii_lowercase();
    let sub = || arguments.first().map(|argument| String::from_utf8_lossy(argument).to_ascii_lowercase());
    GRANTED.contains(&name[..]) || sub().is_some_and(|sub| GRANTED.contains(&format!("{name}|{sub}")[..]))
}

#[test]
fn the_user_may_do_what_the_scripts_do_and_no_more() {
    let may = |command: &str| {
        let words: Vec<Vec<u8>> = command.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        allows(command.split(' ').next().unwrap(), &words[1..])
    };
    for command in ["EVALSHA x", "HGET k f", "XINFO STREAM k", "XADD k", "HDEL k", "SET k v", "XREVRANGE k"] {
        assert!(may(command), "{command}");
    }
    for command in ["FLUSHALL", "XINFO GROUPS k", "CONFIG GET", "DEL k", "XDEL k", "SCRIPT FLUSH", "KEYS *"] {
        assert!(!may(command), "{command}");
    }
}
