//! The `cel` crate: compiled once, on contexts that are there already.

use std::path::Path;

use anyhow::{Result, anyhow};
use cel::{Context, Program, Value};

use crate::audiences::{Condition, Pool};
use crate::profiles::{FIELDS, profile};
use crate::{Measured, processor_time};

/// Evaluates all audiences of the first profiles.
pub fn run(folder: &Path, profiles: u64, runs: usize) -> Result<()> {
    let pool = Pool::new();
    let conditions: Vec<String> = pool.conditions.iter().map(cel).collect();
    let texts = pool.audiences.iter().map(|audience| audience.text(&conditions, " && ", " || ", "!"));
    let programs: Vec<Program> = texts
        .map(|text| Program::compile(&text).map_err(|error| anyhow!("{text}: {error}")))
        .collect::<Result<_>>()?;
    let contexts: Vec<Context<'_, '_>> = (0..profiles).map(context).collect();
    let mut masks = Vec::new();
    let mut seconds = Vec::new();
    for _ in 0..runs {
        let start = processor_time();
        masks = contexts.iter().map(|context| mask(&programs, context)).collect::<Result<_>>()?;
        seconds.push((processor_time() - start).as_secs_f64());
    }
    let (engine, answers) = ("cel crate".to_owned(), folder.join("cel"));
    Measured { engine, profiles, seconds, columns: Vec::new(), answers }.tell(&masks)
}

fn mask(programs: &[Program], context: &Context<'_, '_>) -> Result<u128> {
    programs.iter().rev().try_fold(0, |mask, program| match program.execute(context) {
        Ok(Value::Bool(holds)) => Ok(mask << 1 | u128::from(holds)),
        other => Err(anyhow!("{other:?}")),
    })
}

/// A profile's fields as variables, those that are missing as null.
fn context(number: u64) -> Context<'static, 'static> {
    let mut context = Context::default();
    let profile = profile(number);
    for (name, _) in FIELDS {
        let value = match profile.get(name) {
            None => Value::Null,
            Some(domain::value::Value::String(text)) => Value::from(text.trim_end_matches('Z').to_owned()),
            Some(domain::value::Value::Integer(number)) => Value::Int(*number),
            Some(domain::value::Value::Double(number)) => Value::Float(*number),
            Some(domain::value::Value::Boolean(boolean)) => Value::Bool(*boolean),
            Some(_) => Value::Null,
        };
        context.add_variable_from_value(name, value);
    }
    context
}

/// A condition that is false of null. Dates are compared as text, which is how they sort.
fn cel(condition: &Condition) -> String {
    let Condition { field, operator, values, .. } = condition;
    let value = |index: usize| values[index].to_string().replace("Z\"", "\"");
    let list = serde_json::json!(values);
    let unless_null = |test: String| format!("({field} != null && {test})");
    match *operator {
        "=" => format!("{field} == {}", value(0)),
        "in" => format!("{field} in {list}"),
        "notIn" => unless_null(format!("!({field} in {list})")),
        "startsWith" => unless_null(format!("{field}.startsWith({})", value(0))),
        "isNull" => format!("{field} == null"),
        "isNotNull" => format!("{field} != null"),
        "before" => unless_null(format!("{field} < {}", value(0))),
        // The day after begins with a greater text than anything on the day.
        "after" => unless_null(format!("{field} > {}", value(0))),
        "within" => unless_null(format!("{field} >= {} && {field} < {}", value(0), value(1))),
        other => unless_null(format!("{field} {other} {}", value(0))),
    }
}
