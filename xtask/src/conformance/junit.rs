// SPDX-License-Identifier: MIT OR Apache-2.0

//! A run as JUnit's XML, which most services that run tests read: a suite for each area.

use anyhow::Result;
use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use super::report::{Report, Row};
use super::session::Verdict;

/// Writes a report.
pub fn write(report: &Report) -> Result<String> {
    let mut junit = quick_junit::Report::new("conformance");
    for (area, rows) in report.areas() {
        let mut suite = TestSuite::new(area);
        for (name, value) in &report.facts {
            suite.add_property(Property::new(*name, value));
        }
        suite.add_test_cases(rows.into_iter().map(case));
        junit.add_test_suite(suite);
    }
    Ok(junit.to_string()?)
}

fn case(row: &Row) -> TestCase {
    let mut status = match row.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Failed { .. } => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Skipped(_) => TestCaseStatus::skipped(),
    };
    if row.verdict != Verdict::Passed {
        status.set_message(row.remark());
    }
    let mut case = TestCase::new(row.case.id.as_str(), status);
    case.set_classname(row.case.section.as_str()).set_time(row.time);
    if !row.transcript.is_empty() {
        case.set_system_out(row.transcript.join("\n"));
    }
    case
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::example;
    use super::*;

    #[test]
    fn every_case_is_there() {
        let report = quick_junit::Report::deserialize_from_str(&write(&example()).unwrap()).unwrap();
        assert_eq!((report.tests, report.failures, report.errors), (3, 1, 0));
        let names: Vec<_> = report.test_suites.iter().map(|suite| suite.name.as_str()).collect();
        assert_eq!(names, ["psci", "stop"]);
        let failed = &report.test_suites[0].test_cases[1];
        assert_eq!(failed.name.as_str(), "psci.cpu_on.twice");
        let TestCaseStatus::NonSuccess { message: Some(message), .. } = &failed.status else {
            panic!("{failed:?}")
        };
        assert_eq!(message.as_str(), "expected A = 0x1, saw it's <0x2> #3");
        assert!(failed.system_out.as_ref().unwrap().as_str().contains("<two>"));
    }
}
