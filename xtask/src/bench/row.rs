// SPDX-License-Identifier: MIT OR Apache-2.0

//! The rows of the result: an operation on a machine with so many cores.

use super::budgets::Budgets;
use super::measure::Measured;
use super::operation::Operation;

/// The numbers of cores that rows have a budget for.
pub const CORES: [u32; 6] = [1, 4, 16, 64, 256, 512];

/// The machine that operations of one core are looked at on: they cost the same on any other.
pub const FEW: u32 = 4;

/// Tells whether an operation has a row for a machine of so many cores.
pub fn has_row(operation: Operation, cores: u32) -> bool {
    match operation {
        Operation::Boot | Operation::Mask | Operation::StopAcked | Operation::StopWedged => true,
        Operation::Resume | Operation::StartAll | Operation::Parked => cores > 1,
        _ => cores == FEW,
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The name of the operation.
    pub operation: &'static str,
    /// The number of cores of the machine.
    pub cores: u32,
    /// What our firmware took, if it could be measured.
    pub instructions: Option<u64>,
    /// The most that it may take, if there is a budget for such a machine.
    pub budget: Option<u64>,
    /// What the other firmware took, if there is one and it could be measured.
    pub peer: Option<u64>,
}

impl Row {
    /// Makes the rows of one machine.
    pub fn all_of(
        cores: u32,
        own: &Measured,
        peer: Option<&Measured>,
        budgets: Option<&Budgets>,
    ) -> Vec<Self> {
        let rows = Operation::ALL.into_iter().filter(|&operation| has_row(operation, cores));
        rows.map(|operation| Self {
            operation: operation.name(),
            cores,
            instructions: own.of(operation),
            budget: budgets.and_then(|budgets| budgets.of(operation, cores)),
            peer: peer.and_then(|peer| peer.of(operation)),
        })
        .collect()
    }

    /// Returns what of the budget is left; less than nothing if it is exceeded.
    pub fn margin(&self) -> Option<i64> {
        Some(self.budget?.cast_signed() - self.instructions?.cast_signed())
    }

    /// Returns how much more the other firmware takes, as a factor.
    pub fn ratio(&self) -> Option<f64> {
        let instructions = self.instructions.filter(|&count| count > 0)?;
        Some(self.peer? as f64 / instructions as f64)
    }
}

/// Writes rows as JSON: `{"rows": [{"operation", "cores", "instructions", "budget", "peer"}]}`.
pub fn json(rows: &[Row]) -> serde_json::Result<String> {
    #[derive(serde::Serialize)]
    struct Document<'a> {
        rows: &'a [Row],
    }
    Ok(serde_json::to_string_pretty(&Document { rows })? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_knows_what_is_left_of_its_budget() {
        let row =
            Row { operation: "mask", cores: 4, instructions: Some(50), budget: Some(40), peer: Some(100) };
        assert_eq!((row.margin(), row.ratio()), (Some(-10), Some(2.0)));
        let nothing = Row { instructions: None, ..row.clone() };
        assert_eq!((nothing.margin(), nothing.ratio()), (None, None));
        let zero = Row { instructions: Some(0), budget: Some(0), ..row };
        assert_eq!((zero.margin(), zero.ratio()), (Some(0), None));
    }

    #[test]
    fn operations_of_one_core_have_one_row() {
        let measured = Measured {
            instructions: vec![(Operation::Boot, 9), (Operation::PsciVersion, 5)],
            left_out: Vec::new(),
        };
        let names = |cores| -> Vec<_> {
            Row::all_of(cores, &measured, None, None).iter().map(|row| row.operation).collect()
        };
        assert_eq!(names(1), ["boot", "mask", "stop_acked", "stop_wedged"]);
        assert_eq!(names(4).len(), Operation::ALL.len());
        assert!(names(64).contains(&"start_all") && !names(64).contains(&"psci_version"));
        let rows = Row::all_of(4, &measured, Some(&measured), None);
        assert_eq!((rows[1].instructions, rows[1].peer, rows[2].instructions), (Some(5), Some(5), None));
    }

    #[test]
    fn json_has_numbers_and_nulls() {
        let row = Row { operation: "mask", cores: 4, instructions: Some(50), budget: None, peer: None };
        let value: serde_json::Value = serde_json::from_str(&json(&[row]).unwrap()).unwrap();
        let row = serde_json::json!({
            "operation": "mask", "cores": 4, "instructions": 50, "budget": null, "peer": null
        });
        assert_eq!(value, serde_json::json!({ "rows": [row] }));
    }
}
