//! 100 audiences of 2 to 6 conditions each, out of a pool of 60.

use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::profiles::{FIELDS, Kind, Random, day_before_now, instant_before_now, text};

/// How many audiences there are.
pub const AUDIENCES: usize = 100;

/// How many conditions they share.
const CONDITIONS: usize = 60;

/// What all engines evaluate.
#[derive(Serialize)]
pub struct Pool {
    pub fields: Vec<Json>,
    pub conditions: Vec<Condition>,
    pub audiences: Vec<Tree>,
    /// How many conditions the audiences have, each counted as often as it stands there.
    leaves: usize,
}

/// A question on a field. It is false of a value that is missing, whatever it is, but for `is null`.
#[derive(Serialize)]
pub struct Condition {
    pub field: &'static str,
    pub kind: &'static str,
    pub operator: &'static str,
    /// What the operator holds the field against: dates and instants as text.
    pub values: Vec<Json>,
    /// The condition in PQL.
    pub pql: String,
}

/// An audience, or a part of one.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tree {
    Condition(usize),
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
}

impl Pool {
    pub fn new() -> Pool {
        let mut random = Random(2026);
        let conditions = (0..CONDITIONS).map(|number| Condition::new(number, &mut random)).collect();
        let fields = FIELDS.iter().map(|(name, kind)| json!({"name": name, "kind": kind.name()})).collect();
        let audiences: Vec<Tree> = (0..AUDIENCES).map(|_| Tree::new(&mut random)).collect();
        let leaves = audiences.iter().map(Tree::leaves).sum();
        Pool { fields, conditions, audiences, leaves }
    }
}

impl Tree {
    /// `a and b and (c or d) and not e`, or some of it.
    fn new(random: &mut Random) -> Tree {
        let mut leaf = {
            let mut used = Vec::new();
            move |random: &mut Random| loop {
                let number = usize::try_from(random.below(CONDITIONS as u64)).unwrap_or_default();
                if !used.contains(&number) {
                    used.push(number);
                    return Tree::Condition(number);
                }
            }
        };
        let mut left = 2 + random.below(5);
        let mut all = Vec::new();
        while left > 0 {
            all.push(match random.below(5) {
                0 => Tree::Not(Box::new(leaf(random))),
                1 | 2 if left > 1 => {
                    left -= 1;
                    Tree::Any(vec![leaf(random), leaf(random)])
                }
                _ => leaf(random),
            });
            left -= 1;
        }
        if random.below(5) == 0 { Tree::Any(all) } else { Tree::All(all) }
    }

    fn leaves(&self) -> usize {
        match self {
            Tree::Condition(_) => 1,
            Tree::All(parts) | Tree::Any(parts) => parts.iter().map(Tree::leaves).sum(),
            Tree::Not(part) => part.leaves(),
        }
    }

    /// The audience as text, where an engine has text.
    pub fn text(&self, conditions: &[String], and: &str, or: &str, not: &str) -> String {
        let join = |parts: &[Tree], by: &str| {
            let parts: Vec<String> = parts.iter().map(|part| part.text(conditions, and, or, not)).collect();
            format!("({})", parts.join(by))
        };
        match self {
            Tree::Condition(number) => conditions[*number].clone(),
            Tree::All(parts) => join(parts, and),
            Tree::Any(parts) => join(parts, or),
            Tree::Not(part) => format!("{not}({})", part.text(conditions, and, or, not)),
        }
    }
}

impl Condition {
    /// One for every field, then others.
    fn new(number: usize, random: &mut Random) -> Condition {
        let other = usize::try_from(random.below(FIELDS.len() as u64)).unwrap_or_default();
        let (field, kind) = FIELDS[if number < FIELDS.len() { number } else { other }];
        let form = random.below(6);
        let (operator, values) = match kind {
            Kind::Text(texts) => {
                let mut one = || json!(text(field, random.below(texts) / 2));
                match form {
                    0 => ("!=", vec![one()]),
                    1 => ("in", vec![one(), one(), one()]),
                    2 => ("notIn", vec![one(), one()]),
                    3 => ("startsWith", vec![json!(text(field, 1))]),
                    4 if number >= FIELDS.len() => ("isNull", vec![]),
                    _ => ("=", vec![one()]),
                }
            }
            Kind::Whole(most) => {
                let mut one = || json!(random.below(most));
                match form {
                    0 => ("<", vec![one()]),
                    1 => ("in", vec![one(), one(), one()]),
                    2 => ("isNotNull", vec![]),
                    3 => ("!=", vec![one()]),
                    _ => (">=", vec![one()]),
                }
            }
            Kind::Decimal(most) => {
                let half = json!(random.below(most * 2) as f64 / 2.0 + 0.25);
                (if form < 3 { "<" } else { ">=" }, vec![half])
            }
            Kind::Boolean if form < 2 => ("=", vec![json!(false)]),
            Kind::Boolean => ("=", vec![json!(true)]),
            Kind::Day(days) => {
                let day = json!(day_before_now(random.below(days)).to_string());
                (if form < 3 { "before" } else { "after" }, vec![day])
            }
            Kind::Instant(days) => {
                let back = 1 + random.below(days);
                if form < 2 {
                    ("before", vec![json!(day_before_now(back).to_string())])
                } else {
                    // So many days before now, and now: from the one on, and before the other.
                    let ends = [back, 0].map(|days| json!(instant_before_now(days, 0).to_string()));
                    ("within", vec![ends[0].clone(), ends[1].clone(), json!(back)])
                }
            }
        };
        let pql = pql(field, operator, &values);
        Condition { field, kind: kind.name(), operator, values, pql }
    }
}

fn pql(field: &str, operator: &str, values: &[Json]) -> String {
    let day = |value: &Json| {
        let date: jiff::civil::Date = value.as_str().unwrap_or_default().parse().unwrap_or_default();
        format!("date({}, {}, {})", date.year(), date.month(), date.day())
    };
    match operator {
        "in" | "notIn" => format!("{field} {operator} {}", json!(values)),
        "startsWith" => format!("{field}.startsWith({})", values[0]),
        "isNull" | "isNotNull" => format!("{field}.{operator}()"),
        "before" | "after" => format!("{field} occurs {operator} {}", day(&values[0])),
        "within" => format!("{field} occurs <= {} days before now", values[2]),
        _ => format!("{field} {operator} {}", values[0]),
    }
}
