// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether a picture shows a stop: the machine's tests look at it as a program can.

use anyhow::{Context, Result, bail, ensure};
use svg::node::Attributes;
use svg::node::element::tag::Type;
use svg::parser::Event;

/// A mark as it is drawn.
#[derive(Clone, Copy, Debug)]
struct Mark {
    time: f64,
    place: f64,
}

impl Mark {
    fn is_before(self, other: Self) -> bool {
        self.time <= other.time && self.place <= other.place
    }
}

/// One row of the picture.
#[derive(Debug, Default)]
struct Row {
    core: String,
    why: String,
    marks: Vec<(String, Mark)>,
}

impl Row {
    fn mark(&self, name: &str) -> Result<Mark> {
        let mut found = self.marks.iter().filter(|(mark, _)| mark == name);
        let mark = found.next().with_context(|| format!("core {} has no mark `{name}`", self.core))?.1;
        ensure!(found.next().is_none(), "core {} has two marks `{name}`", self.core);
        Ok(mark)
    }
}

/// Fails unless the picture has a row for each of `cores` cores, with an owner and a core that only the secure interrupt
/// stopped, and with the marks of each row in their order.
pub fn check(svg: &str, cores: u32) -> Result<()> {
    let rows = rows(svg)?;
    ensure!(rows.len() == cores as usize, "the picture has {} rows for {cores} cores", rows.len());
    for (number, row) in rows.iter().enumerate() {
        ensure!(row.core == number.to_string(), "row {number} is of core {}", row.core);
    }
    let owner = rows.iter().find(|row| row.why == "owner").context("no row is the owner's")?;
    let (begin, ipi, done) = (owner.mark("begin")?, owner.mark("IPI")?, owner.mark("done")?);
    ensure!(begin.is_before(ipi) && ipi.is_before(done), "the owner's marks are not in order: {owner:?}");
    for row in &rows {
        let mut order = vec![ipi];
        match row.why.as_str() {
            "ACK" => order.push(row.mark("ack")?),
            "NMI" => order.extend([row.mark("NMI")?, row.mark("stopped")?]),
            _ => {}
        }
        order.push(done);
        let ordered = order.windows(2).all(|pair| pair[0].is_before(pair[1]));
        ensure!(ordered, "the marks of core {} are not in order: {order:?}", row.core);
    }
    ensure!(rows.iter().any(|row| row.why == "NMI"), "no core was stopped by the secure interrupt");
    Ok(())
}

/// Reads the rows of a picture, each of whose elements must have its end.
fn rows(svg: &str) -> Result<Vec<Row>> {
    let mut open: Vec<String> = Vec::new();
    let mut rows: Vec<Row> = Vec::new();
    let mut elements = 0;
    for event in svg::read(svg)? {
        let (name, kind, attributes) = match event {
            Event::Error(error) => bail!("the picture is no SVG: {error}"),
            Event::Tag(name, kind, attributes) => (name, kind, attributes),
            _ => continue,
        };
        let class = attributes.get("class").map(|class| class.to_string()).unwrap_or_default();
        match class.as_str() {
            "row" => {
                let (core, why) = (value(&attributes, "data-core")?, value(&attributes, "data-why")?);
                rows.push(Row { core, why, marks: Vec::new() });
            }
            "mark" => rows.last_mut().context("a mark is in no row")?.marks.push(mark(&attributes)?),
            _ => {}
        }
        ensure!(!open.is_empty() || elements == 0, "`{name}` lies behind the end of the picture");
        elements += 1;
        match kind {
            Type::Start => open.push(name.to_owned()),
            Type::End => {
                let last = open.pop();
                ensure!(last.as_deref() == Some(name), "`{name}` ends where {last:?} is open");
            }
            Type::Empty => {}
        }
    }
    ensure!(elements > 0 && open.is_empty(), "the picture does not end: {open:?} is open");
    Ok(rows)
}

fn mark(attributes: &Attributes) -> Result<(String, Mark)> {
    let time = value(attributes, "data-time")?.parse()?;
    let transform = value(attributes, "transform")?;
    let place = transform.strip_prefix("translate(").and_then(|place| place.split(' ').next());
    let place = place.with_context(|| format!("`{transform}` is no place"))?.parse()?;
    Ok((value(attributes, "data-mark")?, Mark { time, place }))
}

fn value(attributes: &Attributes, name: &str) -> Result<String> {
    let value = attributes.get(name).with_context(|| format!("an element has no `{name}`"))?;
    Ok(value.to_string())
}
