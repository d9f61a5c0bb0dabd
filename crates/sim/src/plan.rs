//! Fault plans: all that a run needs to happen again, as data.
//!
//! A plan file is JSON, one decision per line, to be read and edited by hand. A regression test
//! keeps the shrunk plan and not the bare seed: the draws of a seed change with the code, a
//! decision names its place.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};
use steadfast_core::ErrorKind;

/// A run as data: what is simulated, from which seed, under which limits and faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The scenario that is run.
    pub scenario: String,
    /// The seed of its workload, network and schedule.
    pub seed: u64,
    /// A bug that is switched on to test the checkers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planted_bug: Option<String>,
    /// Limits that differ from their normal value.
    #[serde(default)]
    pub knobs: BTreeMap<Cow<'static, str>, u64>,
    /// The faults, in the order they fired.
    #[serde(default)]
    pub decisions: Vec<Decision>,
}

/// One fault at one visit of one site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The site, such as `store.commit`.
    pub site: Cow<'static, str>,
    /// Which visit of the site in this run, from 1.
    pub occurrence: u64,
    /// The fault class, such as `S2`.
    pub class: Cow<'static, str>,
    /// How long, how far or how many, where the class needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<Parameter>,
}

/// The size of a fault, with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Parameter {
    /// A delay, a pause, a jump of a clock.
    #[serde(rename = "ms")]
    Millis(i64),
    /// The drift of a clock.
    #[serde(rename = "ppm")]
    Ppm(i64),
    /// A number of things.
    #[serde(rename = "count")]
    Count(i64),
}

impl Plan {
    /// A plan without faults.
    pub fn new(scenario: impl Into<String>, seed: u64) -> Self {
        let scenario = scenario.into();
        Self { scenario, seed, planted_bug: None, knobs: BTreeMap::new(), decisions: Vec::new() }
    }

    /// The same plan with a bug switched on.
    #[must_use]
    pub fn planting(mut self, bug: impl Into<String>) -> Self {
        self.planted_bug = Some(bug.into());
        self
    }

    /// The same plan with one fault more.
    #[must_use]
    pub fn with(mut self, decision: Decision) -> Self {
        self.decisions.push(decision);
        self
    }

    /// The text of a plan file.
    pub fn to_json(&self) -> String {
        let line = |decision: &Decision| {
            serde_json::to_string(decision).expect("text and numbers have a JSON form")
        };
        let lines: Vec<String> = self.decisions.iter().map(line).collect();
        let head = Self { decisions: Vec::new(), ..self.clone() };
        let head = serde_json::to_string_pretty(&head).expect("text and numbers have a JSON form");
        if lines.is_empty() {
            return head + "\n";
        }
        let open = head.trim_end_matches(['}', ']', '\n']);
        format!("{open}\n    {}\n  ]\n}}\n", lines.join(",\n    "))
    }

    /// Reads the text of a plan file.
    ///
    /// # Errors
    /// [`PlanError`] if the text is no plan: fix the file.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        serde_json::from_str(text).map_err(PlanError)
    }
}

impl Decision {
    /// A fault without parameter.
    pub const fn new(site: &'static str, occurrence: u64, class: &'static str) -> Self {
        let (site, class) = (Cow::Borrowed(site), Cow::Borrowed(class));
        Self { site, occurrence, class, parameter: None }
    }

    /// The same fault with a parameter.
    #[must_use]
    pub const fn sized(mut self, parameter: Parameter) -> Self {
        self.parameter = Some(parameter);
        self
    }
}

impl Parameter {
    /// The number without its unit.
    pub const fn amount(self) -> i64 {
        match self {
            Self::Millis(amount) | Self::Ppm(amount) | Self::Count(amount) => amount,
        }
    }

    /// Another number of the same unit.
    #[must_use]
    pub const fn with_amount(self, amount: i64) -> Self {
        match self {
            Self::Millis(_) => Self::Millis(amount),
            Self::Ppm(_) => Self::Ppm(amount),
            Self::Count(_) => Self::Count(amount),
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Millis(amount) => write!(f, "{amount} ms"),
            Self::Ppm(amount) => write!(f, "{amount} ppm"),
            Self::Count(amount) => write!(f, "{amount}"),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{} {}", self.site, self.occurrence, self.class)?;
        self.parameter.map_or(Ok(()), |parameter| write!(f, " {parameter}"))
    }
}

/// The text is not a plan.
#[derive(Debug)]
pub struct PlanError(serde_json::Error);

impl PlanError {
    /// What the caller does now.
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is not a fault plan")
    }
}

impl Error for PlanError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "scenario": "lease",
  "seed": 18446744073709551615,
  "planted_bug": "no_fence",
  "knobs": {
    "ends": 1
  },
  "decisions": [
    {"site":"store.commit","occurrence":17,"class":"S2"},
    {"site":"node.tick","occurrence":3,"class":"T2","parameter":{"ms":-1500}}
  ]
}
"#;

    fn plan() -> Plan {
        let mut plan = Plan::new("lease", u64::MAX)
            .planting("no_fence")
            .with(Decision::new("store.commit", 17, "S2"))
            .with(Decision::new("node.tick", 3, "T2").sized(Parameter::Millis(-1_500)));
        plan.knobs.insert("ends".into(), 1);
        plan
    }

    #[test]
    fn a_plan_file_has_one_decision_per_line_and_reads_back() {
        assert_eq!(plan().to_json(), TEXT);
        assert_eq!(Plan::from_json(TEXT).unwrap(), plan());
        let bare = Plan::new("lease", 7);
        assert_eq!(Plan::from_json(&bare.to_json()).unwrap(), bare);
        assert_eq!(Plan::from_json(r#"{"scenario":"lease","seed":7}"#).unwrap(), bare);
    }

    #[test]
    fn text_that_is_no_plan_is_refused_with_its_place() {
        let error = Plan::from_json(r#"{"scenario":"lease","seed":7,"sead":8}"#).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.source().unwrap().to_string().contains("sead"));
    }

    #[test]
    fn a_decision_reads_as_a_sentence() {
        let lines: Vec<String> = plan().decisions.iter().map(Decision::to_string).collect();
        assert_eq!(lines, ["store.commit #17 S2", "node.tick #3 T2 -1500 ms"]);
    }
}
