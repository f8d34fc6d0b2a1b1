//! What outsiders publish in random stories.

use crate::callers::Ask;
use crate::notices::Says;
use crate::random::Rng;
use crate::settings::{named, rule_for};

/// Something about a path, or about others.
pub fn says(rng: &mut Rng, path: &str) -> Says {
    let op = rng.pick(&["invalidate", "invalidate", "invalidate", "invalidate", "refresh", "refresh", "prewarm"]);
    if op == "prewarm" {
        return Says::new(op, "uri", &format!("http://api{path}"));
    }
    let (first, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let (scope, value) = match rng.below(18) {
        0..=3 => ("uri", path.to_owned()),
        4 => ("uri", format!("api{path}")),
        5 => ("prefix", format!("/{first}")),
        6 => ("prefix", format!("api/{first}")),
        7 => ("prefix", path.to_owned()),
        8 => ("pattern", format!("/*/{rest}")),
        9 => ("pattern", format!("/{first}/**")),
        10 => ("pattern", format!("api/*/{rest}")),
        11 | 12 => ("rule", rule(path)),
        13 => ("tag", rng.pick(&["one", "two", "three", "w", "find", "t1", "group:api gw"]).to_owned()),
        14 => ("tag", tag(path).to_owned()),
        15 => ("key", path.to_owned()),
        16 => ("all", String::new()),
        _ => ("galaxy", "far".to_owned()),
    };
    Says::new(if rng.chance(2) { "purge" } else { op }, scope, &value)
}

fn rule(path: &str) -> String {
    let config = named("base");
    let ask = |method: &str| rule_for(&config, &Ask::new(method, path));
    ask("GET").or(ask("POST")).map_or("nobody".into(), |rule| rule.name().to_owned())
}

/// A tag that answers to this path have, if any.
fn tag(path: &str) -> &str {
    match path {
        "/w/cdn" | "/b/cdn" => "two",
        "/v1/tagged" => "t2",
        "/w/weak" => "group:api gw",
        _ if path.starts_with("/w/") => "w",
        _ if path.starts_with("/open/") => "one",
        _ => "find",
    }
}
