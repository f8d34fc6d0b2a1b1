//! Reads JSON into a tree and says which members stand in it twice.
//!
//! `serde_json` alone keeps the last of two members of one name without a word, so half of what an
//! operator wrote would be ignored.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The tree of `bytes` and the paths of all members that repeat the name of an earlier one.
///
/// # Errors
/// Where `serde_json` finds no JSON, or finds it nested deeper than 128 levels.
pub(super) fn read(bytes: &[u8]) -> Result<(Value, Vec<String>), serde_json::Error> {
    let repeated = RefCell::new(Vec::new());
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let tree = Tree { path: String::new(), repeated: &repeated }.deserialize(&mut reader)?;
    reader.end()?;
    Ok((tree, repeated.into_inner()))
}

/// The path of member `name` below `path`.
pub(super) fn member(path: &str, name: &str) -> String {
    let name = name.escape_debug();
    if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }
}

/// The path of element `index` below `path`.
pub(super) fn element(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

struct Tree<'a> {
    path: String,
    repeated: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let path = element(&self.path, list.len());
            match from.next_element_seed(Tree { path, repeated: self.repeated })? {
                Some(value) => list.push(value),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            let path = member(&self.path, &name);
            if members.contains_key(&name) {
                self.repeated.borrow_mut().push(path.clone());
            }
            let value = from.next_value_seed(Tree { path, repeated: self.repeated })?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = br#"{"a":[1,-2,0.5,"x",true,null,{"b":{}}],"c":18446744073709551615}"#;
        let (tree, repeated) = read(text).unwrap();
        assert_eq!(tree, serde_json::from_slice::<Value>(text).unwrap());
        assert!(repeated.is_empty());
    }

    #[test]
    fn names_every_repeated_member_by_its_path() {
        let (_, repeated) = read(br#"{"a":{"x":1,"x":2},"b":[0,{"y":1,"y":2,"y":3}],"a":0}"#).unwrap();
        assert_eq!(repeated, ["a.x", "b[1].y", "b[1].y", "a"]);
    }

    #[test]
    fn refuses_what_follows_the_tree_and_what_nests_too_deep() {
        assert!(read(b"{} {}").is_err());
        assert!(read("[".repeat(100_000).as_bytes()).is_err());
    }
}
