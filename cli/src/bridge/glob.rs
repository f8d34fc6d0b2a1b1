//! Globs that remember what each `*` stood for, and templates that say it again.

/// So many `*` at most: `$9` is the last that a template can name.
const MOST_STARS: usize = 9;

/// A glob over event patterns: `*` stands for any text, `\*` for a star, `\\` for a backslash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// What stands between the stars.
    literals: Vec<String>,
}

impl Glob {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let (mut literals, mut literal) = (Vec::new(), String::new());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '*' => literals.push(std::mem::take(&mut literal)),
                '\\' => literal.push(characters.next().ok_or("it ends in a backslash")?),
                other => literal.push(other),
            }
        }
        literals.push(literal);
        match literals.len() - 1 {
            0..=MOST_STARS => Ok(Self { literals }),
            stars => Err(format!("it has {stars} stars, and {MOST_STARS} is the most")),
        }
    }

    /// How many stars it has.
    pub fn stars(&self) -> usize {
        self.literals.len().saturating_sub(1)
    }

    /// What each star stands for, if `text` matches; each but the last as little as it can.
    pub fn captures<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let (first, rest) = self.literals.split_first()?;
        let mut left = text.strip_prefix(first.as_str())?;
        let Some((last, middle)) = rest.split_last() else { return left.is_empty().then(Vec::new) };
        let mut found = Vec::new();
        for literal in middle {
            let (star, after) = left.split_once(literal.as_str())?;
            found.push(star);
            left = after;
        }
        found.push(left.strip_suffix(last.as_str())?);
        Some(found)
    }
}

/// A part of a value: written by the operator, or taken from an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The operator's words.
    Own(&'a str),
    /// Those of the event.
    Taken(&'a str),
}

impl<'a> Part<'a> {
    /// The words, whoever they are from.
    pub fn text(&self) -> &'a str {
        match self {
            Self::Own(text) | Self::Taken(text) => text,
        }
    }
}

/// Text in which `$1` to `$9` stand for what the stars stood for, and `$$` for a dollar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Star(usize),
}

impl Template {
    /// Reads one for a glob with so many stars.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str, stars: usize) -> Result<Self, String> {
        let (mut pieces, mut own) = (Vec::new(), String::new());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '$' {
                own.push(character);
                continue;
            }
            match characters.next() {
                Some('$') => own.push('$'),
                Some(digit @ '1'..='9') => {
                    pieces.push(Piece::Text(std::mem::take(&mut own)));
                    pieces.push(Piece::Star(star(digit, stars)?));
                }
                _ => return Err("a $ is followed by neither a digit from 1 to 9 nor another $".to_owned()),
            }
        }
        pieces.push(Piece::Text(own));
        Ok(Self(pieces))
    }

    /// The value, in parts that are not empty.
    pub fn fill<'a>(&'a self, captures: &[&'a str]) -> Vec<Part<'a>> {
        let part = |piece: &'a Piece| match piece {
            Piece::Text(text) => Part::Own(text),
            Piece::Star(index) => Part::Taken(captures.get(*index).copied().unwrap_or_default()),
        };
        self.0.iter().map(part).filter(|part| !matches!(part, Part::Own("") | Part::Taken(""))).collect()
    }
}

fn star(digit: char, stars: usize) -> Result<usize, String> {
    let number = digit.to_digit(10).and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    match number {
        1.. if number <= stars => Ok(number - 1),
        _ => Err(format!("it says ${number}, and there are {stars} stars to the left of the =")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captures<'a>(glob: &str, text: &'a str) -> Option<Vec<&'a str>> {
        Glob::read(glob).unwrap().captures(text)
    }

    #[test]
    fn stars_remember_what_they_stood_for() {
        assert_eq!(captures("a:*", "a:b:c"), Some(vec!["b:c"]));
        assert_eq!(captures("a:*:*", "a:b:c:d"), Some(vec!["b", "c:d"]));
        assert_eq!(captures("*", ""), Some(vec![""]));
        assert_eq!(captures("**", "ab"), Some(vec!["", "ab"]));
        assert_eq!(captures("a", "a"), Some(vec![]));
        assert_eq!(captures("*ab*ab", "xabab"), Some(vec!["x", ""]));
    }

    #[test]
    fn what_does_not_match_has_none() {
        for (glob, text) in [("a", "ab"), ("a*b", "ab?"), ("ab*ba", "aba"), ("a*b*c", "abbb"), ("a:*", "a")] {
            assert_eq!(captures(glob, text), None, "{glob} {text}");
        }
    }

    #[test]
    fn a_star_can_be_meant_as_one() {
        assert_eq!(captures(r"a:\*", "a:*"), Some(vec![]));
        assert_eq!(captures(r"a:\*", "a:b"), None);
        assert_eq!(captures(r"\\*", r"\x"), Some(vec!["x"]));
        assert!(Glob::read("a\\").is_err());
        assert!(Glob::read(&"*".repeat(10)).is_err());
    }

    #[test]
    fn templates_say_it_again() {
        let template = Template::read("/p/$2$$$1", 2).unwrap();
        let parts = template.fill(&["x", "y"]);
        assert_eq!(parts, [Part::Own("/p/"), Part::Taken("y"), Part::Own("$"), Part::Taken("x")]);
        for wrong in ["$", "$0", "$a", "$3"] {
            assert!(Template::read(wrong, 2).is_err(), "{wrong}");
        }
    }
}
