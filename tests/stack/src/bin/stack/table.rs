//! The table of the tour, as wide as what is in it.

use crate::tour::Stop;

const HEADS: [&str; 5] = ["", "request", "status", "Cache-Status", "time"];

/// The stops as lines under their heads.
pub fn show(stops: &[Stop]) -> String {
    let rows: Vec<_> = [HEADS.map(str::to_owned)].into_iter().chain(stops.iter().map(row)).collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths = [0, 1, 2, 3, 4].map(|column| width(column).unwrap_or(0));
    rows.iter().map(|row| line(row, widths)).collect::<Vec<_>>().join("\n")
}

fn row(stop: &Stop) -> [String; 5] {
    let time = format!("{:.1} ms", stop.time.as_secs_f64() * 1000.0);
    [stop.what.to_owned(), stop.request.clone(), stop.status.to_string(), stop.cache_status.clone(), time]
}

fn line(row: &[String; 5], widths: [usize; 5]) -> String {
    let [what, request, status, cache_status, time] = row;
    let [a, b, c, d, e] = widths;
    format!("{what:<a$}  {request:<b$}  {status:<c$}  {cache_status:<d$}  {time:>e$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn columns_line_up() {
        let stop = |what, request: &str| Stop {
            what,
            request: request.to_owned(),
            status: 200,
            cache_status: "-".to_owned(),
            time: Duration::from_micros(1250),
            wrong: None,
        };
        let text = show(&[stop("first", "GET /a"), stop("x", "GET /longer")]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "first  GET /a       200     -             1.2 ms");
        assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{text}");
    }
}
