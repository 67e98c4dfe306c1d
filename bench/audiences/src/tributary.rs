//! Tributary's own engine, as `evaluate` uses it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use domain::schema::Fields;
use domain::value::Object;
use pql::{Page, Plan, Planner, Schemas, Subject};

use crate::audiences::Pool;
use crate::profiles::{now, profile, schema};
use crate::{Measured, processor_time};

/// What the runs with one size of pages took, and what the last one answered.
#[derive(Default)]
struct Found {
    seconds: Vec<f64>,
    columns: Vec<f64>,
    masks: Vec<u128>,
}

/// Evaluates all audiences, on pages of several sizes in turn.
pub fn run(folder: &Path, profiles: u64, runs: usize, pages: &[usize]) -> Result<()> {
    let pool = Pool::new();
    let plan = plan(&pool)?;
    let mut found: BTreeMap<usize, Found> = BTreeMap::new();
    let many = usize::try_from(profiles)?;
    for _ in 0..runs {
        for size in pages {
            let found = found.entry(*size).or_default();
            found.masks = vec![0; many];
            let (columns, evaluation) = pass(&plan, *size, &mut found.masks);
            found.seconds.push(evaluation.as_secs_f64());
            found.columns.push(columns.as_secs_f64());
        }
    }
    // The first size comes first: it is what others are compared with.
    for size in pages {
        let Some(Found { seconds, columns, masks }) = found.remove(size) else { continue };
        let (engine, answers) =
            (format!("tributary, pages of {size}"), folder.join(format!("tributary-{size}")));
        Measured { engine, profiles, seconds, columns, answers }.tell(&masks)?;
    }
    Ok(())
}

fn plan(pool: &Pool) -> Result<Plan> {
    let conditions: Vec<String> = pool.conditions.iter().map(|condition| condition.pql.clone()).collect();
    let fields = schema();
    let schemas = Schemas { profile: &fields, events: &Fields::new() };
    let mut planner = Planner::default();
    for audience in &pool.audiences {
        let text = audience.text(&conditions, " and ", " or ", "not ");
        let checked = pql::parse(&text).with_context(|| text.clone())?.check(&schemas);
        let checked = checked.map_err(|errors| anyhow!("{text}: {errors:?}"))?;
        planner.add(&checked, 0, |_| None);
    }
    Ok(planner.finish())
}

/// Evaluates all profiles, and writes each one's memberships down: what columns took, and what evaluation took.
fn pass(plan: &Plan, size: usize, masks: &mut [u128]) -> (Duration, Duration) {
    let (mut columns, mut evaluation) = (Duration::ZERO, Duration::ZERO);
    let mut numbers = 0..;
    // Profiles are made some thousands at a time, whatever a page's size: small pages are no warmer than large ones.
    for masks in masks.chunks_mut(4096) {
        let profiles: Vec<Object> = numbers.by_ref().take(masks.len()).map(profile).collect();
        let subjects: Vec<Subject<'_>> = profiles
            .iter()
            .map(|attributes| Subject {
                attributes: std::slice::from_ref(attributes),
                events: &[],
                audiences: &[],
            })
            .collect();
        for (subjects, masks) in subjects.chunks(size).zip(masks.chunks_mut(size)) {
            let start = processor_time();
            let page = Page::new(plan, subjects, now());
            let taken = processor_time();
            let answers = page.evaluate();
            for (row, mask) in masks.iter_mut().enumerate() {
                *mask = answers.of(row).iter().rev().fold(0, |mask, word| mask << 64 | u128::from(*word));
            }
            columns += taken - start;
            evaluation += processor_time() - taken;
        }
    }
    (columns, evaluation)
}
