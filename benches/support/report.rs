//! Figures as text.

use std::fmt::Write;

/// The median; of an even number of values the upper of the two middle ones.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let values = sorted(values);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The median and the range.
pub fn spread(values: impl IntoIterator<Item = f64>, unit: &str) -> String {
    let values = sorted(values);
    match values.as_slice() {
        [] => "–".to_owned(),
        [only] => format!("{only:.2}{unit}"),
        [least, .., most] => {
            format!("{:.2}{unit} ({least:.2}–{most:.2})", median(values.iter().copied()))
        }
    }
}

pub fn milliseconds(microseconds: u64) -> String {
    format!("{:.2} ms", microseconds as f64 / 1e3)
}

/// The target of a figure.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code, reason = "not every benchmark has targets of both directions")]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// No target.
    None,
}

impl Target {
    /// The target, and whether `value` reaches it.
    pub fn judge(self, value: f64) -> String {
        let word = |reached| if reached { "reached" } else { "MISSED" };
        match self {
            Self::AtLeast(least) => format!("≥ {least:.2}: {}", word(value >= least)),
            Self::AtMost(most) => format!("≤ {most:.2}: {}", word(value <= most)),
            Self::None => String::new(),
        }
    }
}

/// A Markdown table.
pub struct Table(String);

impl Table {
    /// A table without rows.
    pub fn new(columns: &[&str]) -> Self {
        let rule: Vec<&str> = columns.iter().map(|_| "---").collect();
        let mut table = Self(String::new());
        table.row(columns);
        table.row(&rule);
        table
    }

    pub fn row(&mut self, cells: &[impl AsRef<str>]) {
        for cell in cells {
            let _ = write!(self.0, "| {} ", cell.as_ref());
        }
        self.0.push_str("|\n");
    }

    /// The table as text.
    pub fn into_text(self) -> String {
        self.0
    }
}
