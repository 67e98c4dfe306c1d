//! Compiling: a project held against the catalogue in force becomes the next catalogue.

use std::collections::BTreeSet;

use domain::audience::Audience;
use domain::catalogue::{Catalogue, CatalogueHash, FORMAT};
use domain::dataflow::{Dataflow, State};
use domain::former::Former;
use domain::governance;
use domain::namespace::NamespaceCode;
use jiff::civil::Date;

use crate::load::Project;
use crate::problem::{Notes, Position, Problem, Problems};

/// A catalogue that is ready to be applied.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The catalogue.
    pub catalogue: Catalogue,
    /// The same as it is stored. Equal catalogues have equal bytes.
    pub bytes: Vec<u8>,
    /// Names the bytes.
    pub hash: CatalogueHash,
}

impl Compiled {
    /// A catalogue whose dataflows, offers and datastreams are judged by policies and contracts as of a day.
    pub fn of(mut catalogue: Catalogue, today: Date) -> Compiled {
        catalogue.format = FORMAT;
        for dataflow in catalogue.dataflows.values_mut() {
            if matches!(dataflow.state, State::Blocked(_)) {
                dataflow.state = State::Active;
            }
        }
        ask_consents(&mut catalogue);
        judge(&mut catalogue, today);
        #[expect(
            clippy::expect_used,
            reason = "JSON fails on keys that are no text, and a catalogue has none"
        )]
        let bytes = serde_json::to_vec(&catalogue).expect("a catalogue can be written");
        let hash = CatalogueHash::of(&bytes);
        Compiled { catalogue, bytes, hash }
    }
}

impl Project {
    /// Compiles the project into the catalogue that follows the one in force.
    ///
    /// Every dataflow is judged by policies and contracts as of `today`. What the project lacks and the catalogue in
    /// force has is carried on: dataflows as retiring, until everything that was sent is withdrawn, and what is stored by
    /// what the project does not know any more.
    ///
    /// # Errors
    /// Every change that what is stored already does not bear.
    pub fn compile(&self, previous: Option<&Catalogue>, today: Date) -> Result<Compiled, Problems> {
        let mut catalogue = self.catalogue.clone();
        if let Some(previous) = previous {
            let mut problems = Vec::new();
            self.check_unchanging(previous, &mut problems);
            Problems::unless_none(problems)?;
            carry_retiring(previous, &mut catalogue);
            catalogue.former = Former::of(previous, &catalogue);
        }
        define(&mut catalogue);
        Ok(Compiled::of(catalogue, today))
    }

    fn check_unchanging(&self, previous: &Catalogue, problems: &mut Vec<Problem>) {
        self.check_namespaces(previous, problems);
        self.check_growth(previous, problems);
        self.check_ordered_ends(previous, problems);
        for (name, destination) in &self.catalogue.destinations {
            if let Some(before) =
                previous.destinations.get(name).filter(|before| before.plugin != destination.plugin)
            {
                let form = self.forms.destinations.parts.get(name).and_then(|part| part.form.as_ref());
                let at = form.map_or(Position::START, |form| form.place());
                let message =
                    format!("destination `{name}` was applied with plugin `{}`, which stays", before.plugin);
                let help = "give the new destination a name of its own".to_owned();
                Notes::of(self.forms.destinations.file(name), problems).note(at, message, help);
            }
        }
        for (name, dataflow) in &self.catalogue.dataflows {
            let before = previous.dataflows.get(name);
            if let Some(before) = before.filter(|before| before.destination != dataflow.destination) {
                let form = self.forms.dataflows.parts.get(name).and_then(|part| part.form.as_ref());
                let at = form.map_or(Position::START, |form| form.place());
                let message = format!(
                    "dataflow `{name}` was applied with destination `{}`: what was sent there could not be withdrawn",
                    before.destination
                );
                let help = "give the new dataflow a name of its own".to_owned();
                Notes::of(self.forms.dataflows.file(name), problems).note(at, message, help);
            }
        }
    }

    /// What a command has ended is not brought back by a project that knows nothing of it, however long it was away.
    fn check_ordered_ends(&self, previous: &Catalogue, problems: &mut Vec<Problem>) {
        for (name, dataset) in &self.catalogue.datasets {
            let Some(until) = previous.ordered_end(name) else { continue };
            if dataset.retention.until.is_none_or(|now| now > until) {
                let message = format!(
                    "dataset `{name}` was ended as of {until} by a command, and this would bring its data back"
                );
                let help = format!(
                    "write `until: {until}` under `retention`; to undo the end, go back with `tributary rollback`"
                );
                Notes::of(self.forms.datasets.file(name), problems).note(Position::START, message, help);
            }
        }
        for (name, partner) in &self.catalogue.partners {
            let Some(ends) = previous.ordered_contract_end(name) else { continue };
            let contract = partner.contract.as_ref();
            if contract.is_some_and(|contract| contract.ends.is_none_or(|now| now > ends)) {
                let message = format!(
                    "partner `{name}` was offboarded as of {ends}, and this would bring its contract back"
                );
                let help = format!(
                    "write `ends: {ends}` under `contract`; to undo the end, go back with `tributary rollback`"
                );
                Notes::of(self.forms.partners.file(name), problems).note(Position::START, message, help);
            }
        }
    }

    /// Identities are stored under their namespaces: a type stays, and so do a namespace that identifies anyone and
    /// what is kept of its values.
    fn check_namespaces(&self, previous: &Catalogue, problems: &mut Vec<Problem>) {
        let former = previous.former.datasets.values().map(|former| &former.schema);
        let used: BTreeSet<&NamespaceCode> = previous
            .schemas
            .values()
            .chain(former)
            .flat_map(|schema| schema.identities())
            .map(|(_, identity)| &identity.namespace)
            .collect();
        let mut notes = Notes::of(&self.forms.namespaces.file, problems);
        for before in &previous.namespaces {
            let code = &before.code;
            match self.catalogue.namespace(code) {
                Some(now) if now.kind != before.kind => {
                    let at =
                        self.forms.namespaces.form.as_ref().map_or(Position::START, |form| form.place(code));
                    let help = "restore it, or take a new code for the new type".to_owned();
                    notes.note(at, format!("the type of namespace `{code}` was applied and stays"), help);
                }
                Some(now) if now.hashed != before.hashed && used.contains(code) => {
                    let at =
                        self.forms.namespaces.form.as_ref().map_or(Position::START, |form| form.place(code));
                    let message = format!(
                        "whether namespace `{code}` keeps only hashes was applied and stays: identities are stored by it"
                    );
                    let help = format!("write `hashed: {}`, or take a new code", before.hashed);
                    notes.note(at, message, help);
                }
                None if used.contains(code) => {
                    let message = format!("namespace `{code}` is gone, and stored identities are of it");
                    notes.note(Position::START, message, "restore it".to_owned());
                }
                _ => {}
            }
        }
    }
}

/// Names what decides each audience, now that everything it rests on is known.
fn define(catalogue: &mut Catalogue) {
    let names: Vec<_> = catalogue.audiences.keys().cloned().collect();
    for name in names {
        let definition = catalogue.definition(&name);
        if let Some(audience) = catalogue.audiences.get_mut(&name) {
            audience.definition = definition;
        }
    }
}

/// Carries on every dataflow that is gone from the project, with what it needs to withdraw what was sent.
fn carry_retiring(previous: &Catalogue, catalogue: &mut Catalogue) {
    for (name, dataflow) in &previous.dataflows {
        if catalogue.dataflows.contains_key(name) {
            continue;
        }
        if let Some(destination) = previous.destinations.get(&dataflow.destination) {
            let kept = catalogue.destinations.entry(destination.name.clone());
            kept.or_insert_with(|| destination.clone());
        }
        if let Some(audience) = previous.audiences.get(&dataflow.audience)
            && !catalogue.audiences.contains_key(&audience.name)
        {
            let audience = without_members(audience, catalogue);
            catalogue.audiences.insert(audience.name.clone(), audience);
        }
        let retiring = Dataflow { state: State::Retiring, ..dataflow.clone() };
        catalogue.dataflows.insert(name.clone(), retiring);
    }
}

/// What is left of an audience that is gone from the project: its name and title, and nobody in it. Its old expression
/// may read fields that are gone too.
fn without_members(audience: &Audience, catalogue: &Catalogue) -> Audience {
    let default = catalogue.default_merge_policy();
    Audience {
        expression: "false".to_owned(),
        merge_policy: default.map_or_else(|| audience.merge_policy.clone(), |policy| policy.name.clone()),
        reads: BTreeSet::new(),
        refers_to: BTreeSet::new(),
        ..audience.clone()
    }
}

/// Says of each dataflow what its members have to have consented to, so that whoever looks at one profile need not find
/// out what the whole of it is used for.
fn ask_consents(catalogue: &mut Catalogue) {
    let is_run = |dataflow: &&Dataflow| dataflow.state != State::Retiring;
    let asked: Vec<_> = catalogue
        .dataflows
        .values()
        .filter(is_run)
        .map(|dataflow| (dataflow.name.clone(), governance::required_consents(catalogue, dataflow)))
        .collect();
    for (name, consents) in asked {
        if let Some(dataflow) = catalogue.dataflows.get_mut(&name) {
            dataflow.consents = consents;
        }
    }
}

/// Blocks what policies and contracts refuse. A pause outlasts that: whoever lifts it has it judged again.
fn judge(catalogue: &mut Catalogue, today: Date) {
    let mut blocked = Vec::new();
    for (name, dataflow) in catalogue.dataflows.iter().filter(|(_, dataflow)| dataflow.state == State::Active)
    {
        let refusals = governance::check(catalogue, dataflow, today);
        if !refusals.is_empty() {
            blocked.push((name.clone(), refusals));
        }
    }
    for (name, refusals) in blocked {
        if let Some(dataflow) = catalogue.dataflows.get_mut(&name) {
            dataflow.state = State::Blocked(refusals);
        }
    }
    let judged: Vec<_> = catalogue
        .offers
        .values()
        .map(|offer| (offer.name.clone(), governance::check_offer(catalogue, offer, today)))
        .collect();
    for (name, refusals) in judged {
        if let Some(offer) = catalogue.offers.get_mut(&name) {
            offer.refusals = refusals;
        }
    }
    let judged: Vec<_> = catalogue
        .datastreams
        .values()
        .map(|datastream| {
            let told = datastream.told();
            let refusals = governance::check_disclosure(catalogue, &datastream.name, told, today);
            (datastream.name.clone(), refusals)
        })
        .collect();
    for (name, refusals) in judged {
        if let Some(datastream) = catalogue.datastreams.get_mut(&name) {
            datastream.refusals = refusals;
        }
    }
}
