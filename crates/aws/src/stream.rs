//! The stream of the table of profiles: items before and after they were written.

use domain::change::{Change, Versions};
use domain::edge::visitor::StoredVisitor;
use domain::identity::{IdentityKey, ProfileId};
use serde::de::DeserializeOwned;

use crate::item::{Item, decode, text};
use crate::{Error, keys, visitors};

/// A change of what is stored of a profile, as the stream of the table tells of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileChange {
    /// The profile.
    pub profile: ProfileId,
    /// The change.
    pub change: Change,
}

impl ProfileChange {
    /// Reads the two images of an item; one that is empty is none. What is no graph, fragment or memberships of a
    /// person comes to nothing.
    ///
    /// # Errors
    /// Where an image is not what its key says.
    pub fn read(old: serde_dynamo::Item, new: serde_dynamo::Item) -> Result<Option<ProfileChange>, Error> {
        let (old, new) = (Item::from(old), Item::from(new));
        let part = |name| text(&new, name).or_else(|| text(&old, name)).unwrap_or_default().to_owned();
        let (pk, sk) = (part("pk"), part("sk"));
        let Ok(profile) = pk.parse() else { return Ok(None) };
        let change = if sk == keys::GRAPH {
            Change::Graph(Box::new(versions(old, new)?))
        } else if sk.starts_with(keys::FRAGMENT) {
            Change::Fragment(Box::new(versions(old, new)?))
        } else if sk == keys::BATCH_MEMBERSHIPS {
            Change::Memberships(versions(old, new)?)
        } else if sk.starts_with(keys::EDGE_MEMBERSHIPS) {
            Change::EdgeMemberships(versions(old, new)?)
        } else {
            return Ok(None);
        };
        Ok(Some(ProfileChange { profile, change }))
    }
}

/// A visitor of whom something has changed that linking copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitorChange {
    /// The key of the visitor's ECID.
    pub ecid: IdentityKey,
}

impl VisitorChange {
    /// Reads the two images of an item; one that is empty is none. What is no visitor's, or changes nothing that linking
    /// copies, comes to nothing: linking's own writes among it.
    ///
    /// # Errors
    /// Where an image is not what its key says.
    pub fn read(old: &serde_dynamo::Item, new: &serde_dynamo::Item) -> Result<Option<VisitorChange>, Error> {
        let (old, new) = (Item::from(old.clone()), Item::from(new.clone()));
        let pk = text(&new, "pk").or_else(|| text(&old, "pk")).unwrap_or_default();
        let Some(ecid) = keys::visitor_of(pk) else { return Ok(None) };
        let of =
            |image: Item| if image.is_empty() { Ok(StoredVisitor::default()) } else { visitors::read(image) };
        let (old, new) = (of(old)?.visitor, of(new)?.visitor);
        let has_changed = old.memberships != new.memberships
            || old.signals != new.signals
            || old.login != new.login
            || old.consent != new.consent
            || old.notified != new.notified;
        Ok(has_changed.then_some(VisitorChange { ecid }))
    }
}

fn versions<T: DeserializeOwned>(old: Item, new: Item) -> Result<Versions<T>, Error> {
    let read = |image: Item| (!image.is_empty()).then(|| decode(image)).transpose();
    Ok(Versions { old: read(old)?, new: read(new)? })
}
