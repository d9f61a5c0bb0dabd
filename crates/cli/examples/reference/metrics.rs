//! `docs/reference/metrics.md`: every number of a store that a program opened.

use std::collections::BTreeMap;

use steadfast::{Diagnostics, MetricValue, RequestKind, Requests};

use crate::line;

const HEAD: &str = "\
# Metrics of the library

What `Steadfast::diagnostics` counts since a store was opened, under the names that `Diagnostics::metrics` gives to an
exporter. Times are in seconds. Those of the data server stand in [its own page](../operating/server.md). This page is made
from the code.

| metric | type | labels | what |
|---|---|---|---|
";

/// The page.
pub(crate) fn page() -> String {
    let requests = BTreeMap::from([(RequestKind::Read, Requests::default())]);
    let diagnostics = Diagnostics { requests, ..Diagnostics::default() };
    let mut page = HEAD.to_owned();
    for metric in diagnostics.metrics() {
        let name = format!("`{}`", metric.name);
        let labels = metric.kind.map_or("", |_| "`kind`");
        line(&mut page, &[&name, name_of(&metric.value), labels, metric.help]);
    }
    let kinds = RequestKind::ALL.map(|kind| format!("`{}`", kind.name()));
    page.push_str("\n`kind` is what a command is for: ");
    page.push_str(&kinds.join(", "));
    page.push_str(".\n");
    page
}

const fn name_of(value: &MetricValue<'_>) -> &'static str {
    match value {
        MetricValue::Counter(_) => "counter",
        MetricValue::Gauge(_) => "gauge",
        MetricValue::Histogram(_) => "histogram",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_metrics_is_what_a_store_counts() {
        crate::check("metrics", include_str!("../../../../docs/reference/metrics.md"), &page());
    }
}
