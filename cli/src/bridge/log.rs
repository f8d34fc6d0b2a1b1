//! Lines for whoever runs the bridge: what happened, then `name=value`; or the same as JSON.

use serde_json::{Map, Value, json};

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The course of things.
    Info,
    /// Something was not as it should be, and was dealt with.
    Warn,
    /// Somebody should look: a metric counts it too.
    Alert,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Alert => "alert",
        }
    }
}

/// Where lines go.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// As JSON, an object a line.
    pub json: bool,
}

impl Log {
    /// Writes a line to standard error, where it goes whole or not at all.
    pub fn say(self, level: Level, what: &str, fields: &[(&str, &str)]) {
        eprint!("{}", self.line(level, what, fields));
    }

    fn line(self, level: Level, what: &str, fields: &[(&str, &str)]) -> String {
        if self.json {
            let mut tree = Map::new();
            tree.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
            tree.insert("level".to_owned(), json!(level.as_str()));
            tree.insert("message".to_owned(), json!(what));
            return format!("{}\n", Value::Object(tree));
        }
        let fields: String = fields.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
        format!("{}: {what}{fields}\n", level.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_words_cannot_make_a_line_of_their_own() {
        let fields = [("pattern", "a\nalert: b")];
        let text = Log { json: false }.line(Level::Warn, "an event", &fields);
        assert_eq!(text, "warn: an event pattern=\"a\\nalert: b\"\n");
        let json = Log { json: true }.line(Level::Alert, "an event", &fields);
        assert_eq!(json, "{\"level\":\"alert\",\"message\":\"an event\",\"pattern\":\"a\\nalert: b\"}\n");
    }
}
