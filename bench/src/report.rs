//! The report: JSON for machines, a table for people.

use serde_json::{Map, Value, json};

use crate::case::Case;
use crate::ratio::{Ratio, Verdict};
use crate::run::Run;
use crate::soak::{self, Soaked};
use crate::stats::Spread;

/// All that was measured.
#[derive(Debug, Default)]
pub struct Report {
    /// The runs of each case, in order.
    pub cases: Vec<(Case, Vec<Run>)>,
    /// The ratios.
    pub ratios: Vec<Ratio>,
    /// The soak.
    pub soaked: Option<Soaked>,
    /// The size of the cache's module, in bytes.
    pub module: u64,
}

/// How much Envoy's own threads may wait for each other, in percent of their time on the core.
const QUIET: f64 = 5.0;

/// One of the figures of a run.
type Figure = fn(&Run) -> f64;

const FIGURES: [(&str, Figure); 5] = [
    ("cpu_us_per_request", |run| run.cpu),
    ("rps", |run| run.seen.rps),
    ("p50_us", |run| run.seen.p50),
    ("p99_us", |run| run.seen.p99),
    ("waited_share", |run| run.waited),
];

impl Report {
    /// The report as JSON.
    pub fn json(&self) -> Value {
        let cases: Map<String, Value> =
            self.cases.iter().map(|(case, runs)| (case.name.to_owned(), case_json(runs))).collect();
        let ratios: Map<String, Value> =
            self.ratios.iter().map(|ratio| (ratio.target.name(), round(ratio.spread.median, 1e4))).collect();
        let details: Map<String, Value> =
            self.ratios.iter().map(|ratio| (ratio.target.name(), ratio_json(ratio))).collect();
        json!({
            "cases": cases,
            "ratios": ratios,
            "ratio_details": details,
            "module_bytes": self.module,
            "wasm_memory_mib": self.soaked.as_ref().map(|soaked| round(soaked.mib, 1e3)),
            "soak": self.soaked.as_ref().map(|soaked| &soaked.detail),
        })
    }

    /// The report as text.
    pub fn text(&self) -> String {
        let mut lines =
            vec![format!("{:<16}{:>10}{:>17}{:>9}{:>9}{:>9}", "case", "CPU us", "spread", "rps", "p50 us", "p99 us")];
        lines.extend(self.cases.iter().filter_map(|(case, runs)| case_line(case, runs)));
        lines.push(format!("\n{:<24}{:>8}{:>17}{:>9}  verdict", "ratio of CPU", "median", "spread", "target"));
        lines.extend(self.ratios.iter().map(ratio_line));
        lines.extend(self.soaked.as_ref().map(soak_line));
        lines.push(format!("module: {} KiB", self.module / 1024));
        lines.extend(self.noise());
        lines.join("\n")
    }

    /// A warning, where others wanted Envoy's core.
    fn noise(&self) -> Option<String> {
        let runs = self.cases.iter().flat_map(|(_, runs)| runs);
        let waited = Spread::of(&runs.map(|run| run.waited * 100.0).collect::<Vec<_>>())?.median;
        let sentence =
            format!("This machine is not quiet: Envoy waited for its core {waited:.0} % of the time it had it.");
        (waited > QUIET).then_some(sentence)
    }

    /// What was missed, a sentence each.
    pub fn missed(&self) -> Vec<String> {
        let missed = self.ratios.iter().filter(|ratio| ratio.verdict() == Verdict::Missed);
        let mut all: Vec<String> = missed.map(miss).collect();
        let soaked = self.soaked.iter().filter(|soaked| soaked.mib > soak::MOST);
        all.extend(soaked.map(|soaked| format!("Wasm memory is {:.2} MiB, not {} at most", soaked.mib, soak::MOST)));
        all
    }
}

fn spread(runs: &[Run], figure: Figure) -> Option<Spread> {
    Spread::of(&runs.iter().map(figure).collect::<Vec<_>>())
}

fn case_json(runs: &[Run]) -> Value {
    let mut case = Map::new();
    for (name, figure) in FIGURES {
        let Some(Spread { median, min, max }) = spread(runs, figure) else { continue };
        case.insert(name.to_owned(), round(median, 1e3));
        case.insert(format!("{name}_min"), round(min, 1e3));
        case.insert(format!("{name}_max"), round(max, 1e3));
    }
    case.into()
}

fn ratio_json(ratio: &Ratio) -> Value {
    json!({
        "target": ratio.target.most,
        "min": round(ratio.spread.min, 1e4),
        "max": round(ratio.spread.max, 1e4),
        "verdict": ratio.verdict().as_str(),
    })
}

fn round(value: f64, to: f64) -> Value {
    json!((value * to).round() / to)
}

fn case_line(case: &Case, runs: &[Run]) -> Option<String> {
    let cpu = spread(runs, |run| run.cpu)?;
    let [rps, p50, p99] = [|run: &Run| run.seen.rps, |run: &Run| run.seen.p50, |run: &Run| run.seen.p99]
        .map(|figure| spread(runs, figure).map_or(0.0, |spread| spread.median));
    let range = format!("{:.2}-{:.2}", cpu.min, cpu.max);
    Some(format!("{:<16}{:>10.2}{range:>17}{rps:>9.0}{p50:>9.0}{p99:>9.0}", case.name, cpu.median))
}

fn ratio_line(ratio: &Ratio) -> String {
    let Spread { median, min, max } = ratio.spread;
    let (name, range, most) = (ratio.target.name(), format!("{min:.3}-{max:.3}"), ratio.target.most);
    format!("{name:<24}{median:>8.3}{range:>17}{most:>9.2}  {}", ratio.verdict().as_str())
}

fn soak_line(soaked: &Soaked) -> String {
    format!("\nWasm memory after a million answers: {:.2} MiB (at most {})", soaked.mib, soak::MOST)
}

fn miss(ratio: &Ratio) -> String {
    let (name, median, most) = (ratio.target.name(), ratio.spread.median, ratio.target.most);
    let over = (median / most - 1.0) * 100.0;
    format!("{name} is {median:.3}, {over:.1} % above the {most:.2} to reach")
}
