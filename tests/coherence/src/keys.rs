//! What is asked for: two rules, groups of paths in each, and a tag on every answer.

use serde_json::{Value, json};
use stack::Scope;

/// The keys of each rule.
const EACH: usize = 150;
/// The rules; a rule's tag has its name.
pub const RULES: [&str; 2] = ["left", "right"];
/// The groups of a rule.
pub const GROUPS: usize = 10;
/// The tags over all rules.
pub const TAGS: usize = 10;
/// All keys.
pub const COUNT: usize = EACH * RULES.len();

/// One key.
#[derive(Clone, Debug)]
pub struct Key {
    /// The name of its rule.
    pub rule: &'static str,
    /// The request target.
    pub target: String,
    /// The tag that the origin gives it.
    pub tag: String,
}

/// All of them, in order.
pub fn all() -> Vec<Key> {
    let numbers = RULES.into_iter().flat_map(|rule| (0..EACH).map(move |number| (rule, number)));
    numbers.map(|(rule, number)| Key { rule, target: target(rule, number), tag: tag(number % TAGS) }).collect()
}

fn target(rule: &str, number: usize) -> String {
    format!("{}k{number}?full=1", group(rule, number * GROUPS / EACH))
}

/// How all targets of a group begin.
pub fn group(rule: &str, number: usize) -> String {
    format!("/{rule}/g{number}/")
}

/// A tag by its number.
pub fn tag(number: usize) -> String {
    format!("t{number}")
}

/// The plugin configuration's part on these keys.
pub fn rule(name: &str) -> Value {
    json!({
        "name": name,
        "match": { "methods": ["GET"], "path": format!("/{name}/**") },
        "auth": "shared",
        "tags": [name],
        "show_key": true,
    })
}

impl Key {
    /// Whether a notice is about it, by what the operator's guide says of scopes; `shown` is its key in `Cache-Status`.
    /// Only the patterns that are published here are understood.
    pub fn is_meant(&self, scope: &Scope, shown: &str) -> bool {
        match scope {
            Scope::Key(key) => key == shown,
            Scope::Uri(uri) => *uri == self.target || *uri == format!("localhost{}", self.target),
            Scope::Prefix(prefix) => self.target.starts_with(prefix.trim_start_matches("localhost")),
            Scope::Pattern(pattern) => {
                let middle = pattern.strip_prefix("/*").and_then(|rest| rest.strip_suffix("**")).unwrap_or("\0");
                self.target
                    .trim_start_matches('/')
                    .split_once('/')
                    .is_some_and(|(_, rest)| rest.starts_with(middle.trim_start_matches('/')))
            }
            Scope::Tag(tag) => *tag == self.tag || tag == self.rule,
            Scope::Rule(rule) => rule == self.rule,
            Scope::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_means_as_many_as_it_should() {
        let keys = all();
        let meant = |scope: Scope| keys.iter().filter(|key| key.is_meant(&scope, &key.target)).count();
        assert_eq!(keys.len(), COUNT);
        assert_eq!(meant(Scope::Key(keys[7].target.clone())), 1);
        assert_eq!(meant(Scope::Uri(keys[7].target.clone())), 1);
        assert_eq!(meant(Scope::Uri(format!("localhost{}", keys[7].target))), 1);
        assert_eq!(meant(Scope::Prefix(group("left", 3))), EACH / GROUPS);
        assert_eq!(meant(Scope::Pattern("/*/g3/**".to_owned())), 2 * EACH / GROUPS);
        assert_eq!(meant(Scope::Tag(tag(4))), COUNT / TAGS);
        assert_eq!(meant(Scope::Tag("right".to_owned())), EACH);
        assert_eq!(meant(Scope::Rule("left".to_owned())), EACH);
        assert_eq!(meant(Scope::All), COUNT);
    }
}
