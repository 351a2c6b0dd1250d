// SPDX-License-Identifier: MIT OR Apache-2.0

//! A line on the terminal that says what is going on during a long step. Where there is no terminal it is
//! silent.

use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// All spinners, so that a step inside a step gets a line of its own.
static SPINNERS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// A spinner; it goes away when dropped.
pub struct Spinner(ProgressBar);

impl Spinner {
    /// Shows `what` with the time that it has taken so far.
    pub fn start(what: &str) -> Self {
        let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg:.dim}")
            .expect("the template is a constant");
        let bar = SPINNERS.add(ProgressBar::new_spinner().with_style(style).with_prefix(what.to_owned()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Shows the last line of `output` beside the step's name.
    pub fn note(&self, output: &[u8]) {
        let text = String::from_utf8_lossy(output);
        if let Some(line) = text.lines().map(str::trim).rfind(|line| !line.is_empty()) {
            self.0.set_message(line.to_owned());
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        SPINNERS.remove(&self.0);
    }
}

/// A bar that shows how many parts of a long step are done; it goes away when dropped.
pub struct Bar(ProgressBar);

impl Bar {
    /// Shows that none of `parts` is done.
    pub fn start(parts: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {wide_msg:.dim}")
            .expect("the template is a constant");
        let bar = SPINNERS.add(ProgressBar::new(parts as u64).with_style(style));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Shows what is being done.
    pub fn note(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// Shows that one more part is done.
    pub fn advance(&self) {
        self.0.inc(1);
    }

    /// Takes the bar away while something else is printed.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        SPINNERS.suspend(print)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        SPINNERS.remove(&self.0);
    }
}
