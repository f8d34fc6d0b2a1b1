//! Reads a file of JSON, or of one or more YAML documents, into JSON trees.

use serde::Deserialize;
use serde_json::{Map, Number, Value};
use serde_yaml_ng as yaml;

/// The trees of all documents in `text` that are not empty, each with its number, counted from 1.
///
/// # Errors
/// Says why `text` is neither JSON nor YAML. YAML with a member twice is refused here already; in JSON the
/// last one stands, and whoever needs to know reads the text itself.
pub fn read(text: &str) -> Result<Vec<(usize, Value)>, String> {
    if text.trim_start().starts_with('{') {
        let tree = serde_json::from_str(text);
        if let Ok(tree) = tree {
            return Ok(vec![(1, tree)]);
        }
    }
    let documents =
        yaml::Deserializer::from_str(text).map(|document| json(merged(document).map_err(|e| e.to_string())?));
    let trees = documents.collect::<Result<Vec<Value>, String>>()?;
    let numbered = trees.into_iter().enumerate();
    Ok(numbered.map(|(index, tree)| (index + 1, tree)).filter(|(_, tree)| !tree.is_null()).collect())
}

fn merged(document: yaml::Deserializer<'_>) -> Result<yaml::Value, yaml::Error> {
    let mut tree = yaml::Value::deserialize(document)?;
    tree.apply_merge()?;
    Ok(tree)
}

fn json(tree: yaml::Value) -> Result<Value, String> {
    Ok(match tree {
        yaml::Value::Null => Value::Null,
        yaml::Value::Bool(flag) => Value::Bool(flag),
        yaml::Value::Number(number) => self::number(&number),
        yaml::Value::String(text) => Value::String(text),
        yaml::Value::Sequence(list) => Value::Array(list.into_iter().map(json).collect::<Result<_, _>>()?),
        yaml::Value::Mapping(members) => Value::Object(members.into_iter().try_fold(Map::new(), member)?),
        yaml::Value::Tagged(tagged) => json(tagged.value)?,
    })
}

/// Adds a member. Its name may be a number, as in `404: 10s`; `404` and `"404"` are two names in YAML and one in JSON.
fn member(
    mut members: Map<String, Value>,
    (name, value): (yaml::Value, yaml::Value),
) -> Result<Map<String, Value>, String> {
    let name = match json(name)? {
        Value::String(name) => name,
        other => other.to_string(),
    };
    if members.contains_key(&name) {
        return Err(format!("duplicate entry with key {name:?}"));
    }
    members.insert(name, json(value)?);
    Ok(members)
}

fn number(number: &yaml::Number) -> Value {
    let float = || number.as_f64().and_then(Number::from_f64);
    let whole = number.as_u64().map(Number::from).or_else(|| number.as_i64().map(Number::from));
    whole.or_else(float).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_every_document_that_says_something() {
        let read = read("---\n# nothing\n---\na: 1\n---\nb: [x, 1.5, -2, true, ~]\n").unwrap();
        assert_eq!(read, [(2, json!({ "a": 1 })), (3, json!({ "b": ["x", 1.5, -2, true, null] }))]);
    }

    #[test]
    fn follows_anchors_and_merges() {
        let read = read("base: &base {a: 1}\nmore:\n  <<: *base\n  b: 2\n").unwrap();
        assert_eq!(read, [(1, json!({ "base": { "a": 1 }, "more": { "a": 1, "b": 2 } }))]);
    }

    #[test]
    fn refuses_a_member_that_stands_there_twice() {
        for text in ["a: 1\na: 2\n", "s: { 404: 1s, 404: 2s }", "s: [{ 404: 1s, \"404\": 2s }]"] {
            assert!(read(text).unwrap_err().contains("duplicate"), "{text}");
        }
    }

    #[test]
    fn names_a_member_by_a_number() {
        assert_eq!(read("s: { 404: 10s, \"503\": 1s }").unwrap(), [(1, json!({ "s": { "404": "10s", "503": "1s" } }))]);
    }

    #[test]
    fn reads_json_that_is_indented_by_tabs() {
        assert_eq!(read("{\n\t\"a\":\t1\n}").unwrap(), [(1, json!({ "a": 1 }))]);
    }
}
