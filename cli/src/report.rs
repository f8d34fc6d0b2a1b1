//! What `fpcache check` prints, for people and for machines.

use fingerprint_cache::config::Problem;
use serde_json::{Value, json};

/// The verdict on one configuration.
pub struct Judgement {
    /// Where it was found.
    pub place: String,
    /// What is wrong with it or with its wrapping.
    pub problems: Vec<Problem>,
    /// What is not wrong and yet not as it seems.
    pub notes: Vec<String>,
    /// It, with every default filled in, when it can be read.
    pub effective: Option<Value>,
}

/// All verdicts, ready to be printed.
pub struct Report {
    /// What to print.
    pub text: String,
    /// Whether there was no problem at all.
    pub ok: bool,
}

impl Report {
    /// For people.
    pub fn text(judgements: &[Judgement]) -> Self {
        let parts: Vec<_> = judgements.iter().map(paragraph).collect();
        let problems: usize = judgements.iter().map(|judgement| judgement.problems.len()).sum();
        let summary = match problems {
            0 => String::new(),
            1 => "\n1 problem. Correct it and check again.\n".to_owned(),
            _ => format!("\n{problems} problems. Correct them and check again.\n"),
        };
        Self { text: parts.join("\n") + &summary, ok: problems == 0 }
    }

    /// For machines: `{"ok", "configurations": [{"place", "ok", "problems", "notes", "effective"}]}`.
    pub fn json(judgements: &[Judgement]) -> Self {
        let ok = judgements.iter().all(|judgement| judgement.problems.is_empty());
        let configurations: Vec<_> = judgements.iter().map(tree).collect();
        let tree = json!({ "ok": ok, "configurations": configurations });
        Self { text: format!("{tree:#}\n"), ok }
    }
}

fn paragraph(judgement: &Judgement) -> String {
    let Judgement { place, problems, notes, effective } = judgement;
    let mut text = format!("{place}\n");
    text.extend(problems.iter().map(|problem| format!("  {problem}\n")));
    if problems.is_empty() {
        text.push_str("  ok\n");
    }
    text.extend(notes.iter().map(|note| format!("  note: {note}\n")));
    if let (true, Some(effective)) = (problems.is_empty(), effective) {
        text.push_str("  effective configuration:\n");
        let yaml = serde_yaml_ng::to_string(effective).unwrap_or_else(|_| effective.to_string());
        text.extend(yaml.lines().map(|line| format!("    {line}\n")));
    }
    text
}

fn tree(judgement: &Judgement) -> Value {
    let problem = |problem: &Problem| json!({ "path": problem.path, "wrong": problem.wrong, "remedy": problem.remedy });
    json!({
        "place": judgement.place,
        "ok": judgement.problems.is_empty(),
        "problems": judgement.problems.iter().map(problem).collect::<Vec<_>>(),
        "notes": judgement.notes,
        "effective": judgement.effective,
    })
}
