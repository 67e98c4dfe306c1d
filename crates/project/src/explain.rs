//! Why somebody is in an audience of a catalogue, or is not.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use domain::audience::Audience;
use domain::catalogue::Catalogue;
use domain::name::AudienceName;
use domain::value::{Object, Value};
use jiff::Timestamp;
use pql::{Expression, Reason};

/// What the audiences that a profile is in are called in the profile itself.
pub(crate) const MEMBERSHIPS: &str = "segmentMembership";

/// Whom an audience is held against.
pub trait Somebody {
    /// The profile as an audience sees it, with its events.
    fn profile(&self, audience: &Audience) -> Object;

    /// Whether they are in an audience, where that is known; it is evaluated otherwise.
    fn is_member(&self, audience: &AudienceName) -> Option<bool>;
}

/// A profile as it is written down. What its `segmentMembership` does not name, it is in no audience of; without one,
/// audiences are evaluated.
impl Somebody for Object {
    fn profile(&self, _: &Audience) -> Object {
        self.clone()
    }

    fn is_member(&self, audience: &AudienceName) -> Option<bool> {
        let Value::Object(namespaces) = self.get(MEMBERSHIPS)? else { return Some(false) };
        let member = |value: &'_ Value, name: &str| match value {
            Value::Object(members) => members.get(name).cloned(),
            _ => None,
        };
        let status = |namespace: &Value| member(&member(namespace, audience.as_str())?, "status");
        let mut found = namespaces.values().filter_map(status);
        Some(found.any(|status| matches!(status.as_str(), Some("realized" | "existing"))))
    }
}

/// An audience that cannot be evaluated for somebody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("audience `{audience}` cannot be evaluated: {reason}")]
pub struct Unexplained {
    /// The audience, which may be one that the other refers to.
    pub audience: AudienceName,
    /// What is at fault.
    pub reason: pql::Error,
}

/// Why somebody is in an audience at an instant, or is not; with the reasons of those that it refers to, where these decide.
///
/// # Errors
/// A value of the wrong type where it is evaluated, or too much work.
pub fn explain(
    catalogue: &Catalogue,
    audience: &Audience,
    somebody: &dyn Somebody,
    now: Timestamp,
) -> Result<Reason, Unexplained> {
    let answers = Answers { catalogue, somebody, now, known: RefCell::default() };
    let mut reason = answers.reason(audience)?;
    answers.tell_references(&mut reason, &mut BTreeSet::new())?;
    Ok(reason)
}

struct Answers<'a> {
    catalogue: &'a Catalogue,
    somebody: &'a dyn Somebody,
    now: Timestamp,
    known: RefCell<BTreeMap<AudienceName, bool>>,
}

impl Answers<'_> {
    fn reason(&self, audience: &Audience) -> Result<Reason, Unexplained> {
        let unexplained = |reason| Unexplained { audience: audience.name.clone(), reason };
        let expression: Expression = pql::parse(&audience.expression).map_err(unexplained)?;
        let profile = self.somebody.profile(audience);
        let reason = expression.explain(&profile, self.now, Some(&|id| self.is_member(id)));
        Ok(reason.map_err(unexplained)?.in_characters(&audience.expression))
    }

    fn is_member(&self, id: &str) -> bool {
        let named = id.parse().ok().and_then(|name: AudienceName| self.catalogue.audiences.get(&name));
        let Some(audience) = named else { return false };
        let known = self.known.borrow().get(&audience.name).copied();
        if let Some(known) = known.or_else(|| self.somebody.is_member(&audience.name)) {
            return known;
        }
        // Until it is known; no catalogue has audiences that refer to each other in a circle.
        self.known.borrow_mut().insert(audience.name.clone(), false);
        let holds = self.reason(audience).is_ok_and(|reason| reason.holds);
        self.known.borrow_mut().insert(audience.name.clone(), holds);
        holds
    }

    /// Tells below each reference that decided why it holds or does not, once for each audience.
    fn tell_references(
        &self,
        reason: &mut Reason,
        told: &mut BTreeSet<AudienceName>,
    ) -> Result<(), Unexplained> {
        for part in &mut reason.because {
            self.tell_references(part, told)?;
        }
        let name: Option<AudienceName> = reason.refers_to.as_ref().and_then(|id| id.parse().ok());
        let named = name.and_then(|name| self.catalogue.audiences.get(&name));
        let Some(audience) = named.filter(|audience| self.somebody.is_member(&audience.name).is_none())
        else {
            return Ok(());
        };
        if told.insert(audience.name.clone()) {
            let mut of_audience = self.reason(audience)?;
            self.tell_references(&mut of_audience, told)?;
            reason.because.push(of_audience);
        }
        Ok(())
    }
}
