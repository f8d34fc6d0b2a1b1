//! An attempt to get one caller's answer with another caller's request.
//!
//! Each has a control: a pair of requests of which the second must be a hit. Without it a cache that never stores
//! anything would pass every attempt.

use stack::{Request, Response, answer};

use crate::{Outcome, Pair, Scene, verdict};

/// One attempt.
#[derive(Debug)]
pub struct Theft {
    /// What tells the two callers apart.
    pub what: &'static str,
    /// Header lines of every answer.
    pub says: &'static [(&'static str, &'static str)],
    /// The request that warms the cache.
    pub victim: Request,
    /// The request that must not get the victim's answer.
    pub thief: Request,
    /// The second of them must get the answer of the first.
    pub control: (Request, Request),
}

impl Theft {
    /// An attempt where the victim's own second request is the control.
    pub fn new(what: &'static str, victim: Request, thief: Request) -> Self {
        let control = (victim.clone(), victim.clone());
        Self { what, says: &[], victim, thief, control }
    }

    /// With these header lines in every answer.
    #[must_use]
    pub fn says(mut self, says: &'static [(&'static str, &'static str)]) -> Self {
        self.says = says;
        self
    }

    /// With another control, where the victim's own answer may not be stored at all.
    #[must_use]
    pub fn control(mut self, first: Request, second: Request) -> Self {
        self.control = (first, second);
        self
    }

    /// Tries it in both tiers: `pair.one` is where the victim's answer may be in memory, `pair.other` finds it in Redis.
    ///
    /// # Errors
    /// A sentence that names the attempt.
    pub fn attempt(&self, scene: &Scene, pair: &mut Pair) -> Outcome {
        let says = self.says;
        scene.origin.becomes(move |asked| {
            let lines: Vec<_> = says.iter().copied().chain([("content-type", "application/json")]).collect();
            answer(200, &lines, format!("{{\"number\":{}}}", asked.number))
        });
        self.controlled(scene, pair).map_err(|error| format!("{}, the control: {error}", self.what))?;
        self.tried(scene, pair).map_err(|error| format!("{}: {error}", self.what))
    }

    fn controlled(&self, scene: &Scene, pair: &mut Pair) -> Outcome {
        let first = scene.warm(&mut pair.one, &self.control.0)?;
        for answer in pair.tour(&self.control.1)? {
            verdict::same(&answer.body, &first.body, "whose answer it is")?;
        }
        Ok(())
    }

    fn tried(&self, scene: &Scene, pair: &mut Pair) -> Outcome {
        pair.one.send(&self.victim)?;
        let before = scene.origin.count();
        // In memory and in Redis; and the victim's own answer must still be the victim's afterwards.
        let stolen = [pair.one.send(&self.thief)?, pair.other.send(&self.thief)?];
        let asked = scene.origin.count();
        verdict::holds(asked > before, "the origin is asked for the thief")?;
        for answer in &stolen {
            let number = number(answer)?;
            verdict::holds(number >= before, &format!("answer {number} is not of the victim's, before {before}"))?;
        }
        let own = number(&pair.one.send(&self.victim)?)?;
        verdict::holds(own < before || own >= asked, "the thief's answer is not the victim's either")
    }
}

/// Which answer of the origin this is.
fn number(answer: &Response) -> Result<usize, String> {
    verdict::answered(answer, 200)?;
    let number = answer.json()?.get("number").and_then(serde_json::Value::as_u64);
    number.and_then(|number| usize::try_from(number).ok()).ok_or_else(|| "an answer without a number".to_owned())
}
