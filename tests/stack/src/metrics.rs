//! What Envoy's `/stats/prometheus` says, looked up by name and labels.

/// One line of the page.
#[derive(Clone, Debug, PartialEq)]
struct Series {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

/// All metrics at one moment.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    series: Vec<Series>,
}

impl Metrics {
    /// Reads the text format; lines that are not of it are left out.
    pub fn parse(page: &str) -> Self {
        Self { series: page.lines().filter(|line| !line.starts_with('#')).filter_map(Series::parse).collect() }
    }

    /// The sum over the series of that name that have these labels (and perhaps others). None: 0, as Prometheus sees a
    /// counter that was never counted.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        // Adding to -0.0, the sum of nothing, prints as "-0".
        self.matching(name, labels).map(|series| series.value).sum::<f64>() + 0.0
    }

    /// Whether there is such a series at all.
    pub fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.matching(name, labels).next().is_some()
    }

    /// The different values of a label over the series of that name, sorted.
    pub fn values(&self, name: &str, label: &str) -> Vec<String> {
        let labels = self.matching(name, &[]).flat_map(|series| &series.labels);
        let mut values: Vec<_> = labels.filter(|(key, _)| key == label).map(|(_, value)| value.clone()).collect();
        values.sort();
        values.dedup();
        values
    }

    fn matching<'a>(&'a self, name: &'a str, labels: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = &'a Series> {
        let named = self.series.iter().filter(move |series| series.name == name);
        named.filter(move |series| labels.iter().all(|(key, value)| series.is_labelled(key, value)))
    }
}

impl Series {
    fn parse(line: &str) -> Option<Self> {
        let (left, value) = line.rsplit_once(' ')?;
        let (name, labels) = left.split_once('{').unwrap_or((left, ""));
        let labels = labels.trim_end_matches('}');
        let labels = labels.split("\",").filter_map(|label| label.split_once("=\""));
        let labels = labels.map(|(key, value)| (key.to_owned(), value.trim_end_matches('"').to_owned())).collect();
        Some(Self { name: name.to_owned(), labels, value: value.parse().ok()? })
    }

    fn is_labelled(&self, key: &str, value: &str) -> bool {
        self.labels.iter().any(|(have, is)| have == key && is == value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE requests counter\n\
        requests{rule=\"a\",status=\"hit\"} 3\n\
        requests{rule=\"b\",status=\"hit\"} 4\n\
        requests{rule=\"b\",status=\"miss\"} 5\n\
        requests_total{} 7\n";

    #[test]
    fn sums_over_the_labels_that_are_left_open() {
        let metrics = Metrics::parse(PAGE);
        assert_eq!(metrics.sum("requests", &[("status", "hit")]), 7.0);
        assert_eq!(metrics.sum("requests", &[("status", "hit"), ("rule", "b")]), 4.0);
        assert_eq!(metrics.sum("requests_total", &[]), 7.0);
        assert_eq!(metrics.sum("requests", &[("status", "stale")]).to_string(), "0");
        assert!(metrics.has("requests", &[("rule", "a")]) && !metrics.has("requests", &[("rule", "c")]));
        assert_eq!(metrics.values("requests", "rule"), ["a", "b"]);
    }
}
