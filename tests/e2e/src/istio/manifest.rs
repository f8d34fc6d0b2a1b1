//! The files in `istio/`, read as JSON.

use serde::Deserialize;
use serde_json::Value;
use serde_yaml_ng as yaml;
use stack::paths;

/// The documents of a file in `istio/`.
///
/// # Errors
/// A sentence, when it cannot be read.
pub fn documents(file: &str) -> Result<Vec<Value>, String> {
    let text = paths::read(&paths::repository().join("istio").join(file))?;
    let documents = yaml::Deserializer::from_str(&text).map(Value::deserialize);
    documents.collect::<Result<_, _>>().map_err(|error| format!("istio/{file} is not YAML: {error}"))
}

/// The one document of a file in `istio/`, or the first of several.
///
/// # Errors
/// As [`documents`], or when it has none.
pub fn first(file: &str) -> Result<Value, String> {
    documents(file)?.into_iter().next().ok_or_else(|| format!("istio/{file} is empty"))
}

/// What kind of object it is.
pub fn kind(document: &Value) -> &str {
    document.get("kind").and_then(Value::as_str).unwrap_or_default()
}

/// What is at this place, or a sentence.
///
/// # Errors
/// That nothing is there.
pub fn at<'a>(document: &'a Value, pointer: &str) -> Result<&'a Value, String> {
    document.pointer(pointer).ok_or_else(|| format!("{} has nothing at {pointer}", kind(document)))
}

/// The text at this place, or a sentence.
///
/// # Errors
/// That there is none.
pub fn text<'a>(document: &'a Value, pointer: &str) -> Result<&'a str, String> {
    at(document, pointer)?.as_str().ok_or_else(|| format!("{} has no text at {pointer}", kind(document)))
}

/// The elements of the list at this place; none where there is no list.
pub fn list<'a>(document: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    document.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// An annotation of the pods in `pod.yaml`, read as the YAML or JSON that it is.
///
/// # Errors
/// A sentence, when it is not there or cannot be read.
pub fn pod_annotation(name: &str) -> Result<Value, String> {
    let pod = first("pod.yaml")?;
    let annotations = at(&pod, "/spec/template/metadata/annotations")?;
    let text = annotations.get(name).and_then(Value::as_str).ok_or_else(|| format!("pod.yaml has no {name}"))?;
    yaml::from_str(text).map_err(|error| format!("{name} in pod.yaml is not YAML: {error}"))
}
