//! What came of the visits, as the deployment has it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::super::reports::{Offer, Profile};
use super::stage::Stage;
use super::visits::Visits;

/// The offer that welcomes recent movers.
pub const COUPON: &str = "diy_coupon";
/// The offer that an agreement with the partner forbids.
pub const REFUSED: &str = "kitchen_planner";

/// What came of the visits.
pub struct Outcome {
    /// The offers, with what was reported of them.
    pub offers: BTreeMap<String, Offer>,
    /// Whoever has the recent mover's ECID.
    pub mover: Vec<Profile>,
    ecid: String,
}

impl Outcome {
    /// Waits until what happens behind the replies has happened, and asks the command.
    pub fn look(stage: &mut Stage, visits: &Visits) -> Result<Self> {
        let [first, ..] = &visits.mover;
        let ecid = first.ecid().context("the edge has told the recent mover no ECID")?.to_owned();
        let offers = stage.wait("waiting for displays and clicks to be counted", |stage| {
            let offers: Vec<Offer> = stage.on.report(["offers"])?;
            let is_counted = offers.iter().any(|offer| offer.name == COUPON && offer.interacted > 0);
            Ok(is_counted.then_some(offers))
        })?;
        let mover = stage.wait("waiting for the visitor to be linked to a profile", |stage| {
            let found: BTreeMap<String, Profile> =
                stage.on.report(["profile", "show", "--namespace", "ECID", "--value", &ecid])?;
            Ok((!found.is_empty()).then(|| found.into_values().collect()))
        })?;
        let offers = offers.into_iter().map(|offer| (offer.name.clone(), offer)).collect();
        Ok(Self { offers, mover, ecid })
    }

    /// Shows it, by the command.
    pub fn show(&self, stage: &Stage) -> Result<()> {
        stage.on.show("What was shown and clicked, and what was refused", &["offers"])?;
        let mover = ["profile", "show", "--namespace", "ECID", "--value", &self.ecid];
        stage.on.show("What is stored of the recent mover", &mover)
    }
}
