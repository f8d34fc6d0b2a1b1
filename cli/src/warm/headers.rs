//! The operator's headers, with credentials out of the environment.

use crate::message;

/// Reads `name: value`, in which `${NAME}` stands for a variable of the environment.
///
/// # Errors
/// A sentence that names the header and the variable, not their values.
pub fn read(line: &str, variable: impl Fn(&str) -> Option<String>) -> Result<(String, String), String> {
    let (name, value) = message::line(line)?;
    let value = String::from_utf8(value).map_err(|_| format!("The value of {name} is not text."))?;
    let filled = fill(&value, &variable).map_err(|wrong| format!("The header {name} cannot be made: {wrong}."))?;
    let plain = filled.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t');
    // What may be a credential is not repeated.
    plain
        .then_some((name.clone(), filled))
        .ok_or_else(|| format!("The header {name} has characters that no header has."))
}

fn fill(value: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut parts = value.split("${");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').ok_or("${ is not closed by }")?;
        let found = variable(name).ok_or_else(|| format!("there is no variable {name} in the environment"))?;
        filled.push_str(found.trim());
        filled.push_str(rest);
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<(String, String), String> {
        let variable = |name: &str| match name {
            "TOKEN" => Some("secret\n".to_owned()),
            "BAD" => Some("sec\nret".to_owned()),
            _ => None,
        };
        read(line, variable)
    }

    #[test]
    fn credentials_come_from_the_environment() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(of("Authorization: Bearer ${TOKEN}!"), pair("authorization", "Bearer secret!"));
        assert_eq!(of("accept: a$b"), pair("accept", "a$b"));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_value() {
        assert!(of("authorization: ${NONE}").unwrap_err().contains("no variable NONE"));
        assert!(of("authorization: ${TOKEN").unwrap_err().contains("not closed"));
        let bad = of("authorization: ${BAD}").unwrap_err();
        assert!(!bad.contains("sec") && bad.contains("authorization"), "{bad}");
        assert!(of("no header").is_err());
    }
}
