//! Whom a login names: one person, and never two.
//!
//! A token may name identities of several people: a couple shares an e-mail address, and one of them has no other record
//! yet. The identity of the highest priority says who it is; what belongs to anybody else is left to them.

use crate::graph::Graph;
use crate::identity::{Identity, ProfileId};
use crate::namespace::{Namespace, NamespaceCode};

/// An identity that a login names, and whose it is, if it is anybody's.
#[derive(Debug, Clone)]
pub struct Named {
    /// The identity.
    pub identity: Identity,
    /// The profile that has it, and that profile's graph.
    pub owner: Option<(ProfileId, Graph)>,
}

/// Who has logged in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Person {
    /// The profile and its graph; nothing, where nobody has been known by these identities.
    pub profile: Option<(ProfileId, Graph)>,
    /// Those of the identities that are this person's, the highest priority first.
    pub identities: Vec<Identity>,
}

impl Person {
    /// The person whom the identities of one login name, by namespaces in order of priority.
    pub fn of(namespaces: &[Namespace], mut named: Vec<Named>) -> Person {
        let rank = |code: &NamespaceCode| namespaces.iter().position(|each| each.code == *code);
        named.sort_by_key(|each| rank(&each.identity.namespace).unwrap_or(namespaces.len()));
        let mut person = Person::default();
        for Named { identity, owner } in named {
            if person.has(namespaces, &identity, owner.as_ref()) {
                person.profile = person.profile.or(owner);
                person.identities.push(identity);
            }
        }
        person
    }

    /// Whether an identity is this person's too, as far as those of a higher priority tell.
    fn has(&self, namespaces: &[Namespace], identity: &Identity, owner: Option<&(ProfileId, Graph)>) -> bool {
        match (&self.profile, owner) {
            (None, None) => true,
            (None, Some((_, graph))) => !is_somebody_else(namespaces, graph, &self.identities),
            (Some((_, graph)), None) => {
                let known = namespace(namespaces, &identity.namespace);
                !known.is_some_and(|known| known.kind.is_unique() && has_another(namespaces, graph, identity))
            }
            (Some((known, _)), Some((profile, _))) => known == profile,
        }
    }

    /// Whether this person takes a visitor away from the profile that holds it. `named` are all identities of the login.
    pub fn takes_from(
        &self,
        namespaces: &[Namespace],
        holder: &ProfileId,
        graph: &Graph,
        named: &[Identity],
    ) -> bool {
        match &self.profile {
            Some((profile, _)) => profile != holder,
            None => is_somebody_else(namespaces, graph, named),
        }
    }
}

/// Whether a graph is a person's, and not a browser's or a device's alone.
pub fn is_a_person(namespaces: &[Namespace], graph: &Graph) -> bool {
    let mut nodes = graph.identities.values();
    nodes.any(|node| namespace(namespaces, &node.namespace).is_some_and(|known| known.kind.is_of_person()))
}

/// Whether a graph has another identity of a person than one of these, of the same family. Whether both are the same
/// person's, nobody has said: two people at one browser must not become one.
fn is_somebody_else(namespaces: &[Namespace], graph: &Graph, identities: &[Identity]) -> bool {
    identities.iter().any(|identity| {
        let known = namespace(namespaces, &identity.namespace);
        let has_it_too = graph.identities.contains_key(&identity.key);
        known.is_some_and(|known| known.kind.is_of_person() && (known.kind.is_unique() || !has_it_too))
            && has_another(namespaces, graph, identity)
    })
}

/// Whether a graph has another identity of the same family: an e-mail address in clear and one that is hashed are of one.
fn has_another(namespaces: &[Namespace], graph: &Graph, identity: &Identity) -> bool {
    let family = |code| namespace(namespaces, code).map(Namespace::family);
    let mut nodes = graph.identities.iter();
    nodes.any(|(key, node)| *key != identity.key && family(&node.namespace) == family(&identity.namespace))
}

fn namespace<'a>(namespaces: &'a [Namespace], code: &NamespaceCode) -> Option<&'a Namespace> {
    namespaces.iter().find(|each| each.code == *code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fragment::{OrderToken, Record};
    use crate::identity::Keyring;
    use crate::namespace::{NamespaceType, ValueRule};

    /// The standard ones, with the company's own customer number before them.
    fn namespaces() -> Vec<Namespace> {
        let customer = Namespace {
            code: "CRMID".parse().unwrap(),
            title: String::new(),
            kind: NamespaceType::CrossDevice,
            value: ValueRule::Text,
            hashed: false,
        };
        std::iter::once(customer).chain(Namespace::standard()).collect()
    }

    /// What is written as `CRMID:1`.
    fn identity(text: &str) -> Identity {
        let (code, value) = text.split_once(':').unwrap();
        let namespaces = namespaces();
        let namespace = namespace(&namespaces, &code.parse().unwrap()).unwrap();
        Keyring::new(1, &[7; 32]).unwrap().identity(namespace, value).unwrap()
    }

    fn identities(texts: &[&str]) -> Vec<Identity> {
        texts.iter().map(|text| identity(text)).collect()
    }

    fn profile(number: usize) -> ProfileId {
        format!("{number:032x}").parse().unwrap()
    }

    fn graph(texts: &[&str]) -> Graph {
        let mut all = identities(texts).into_iter();
        let record = Record {
            token: OrderToken { time: 1, batch: 0, row: 0 },
            primary: all.next().unwrap(),
            others: all.collect(),
            partner_ids: std::collections::BTreeSet::new(),
            attributes: crate::value::Object::new(),
        };
        Graph::born(&record, &"crm".parse().unwrap())
    }

    /// The profile that a login of some identities belongs to, and which of them are that person's, where people are
    /// known by some.
    fn person(known: &[&[&str]], login: &[&str]) -> (Option<usize>, Vec<String>) {
        let named = login.iter().map(|text| {
            let owner = known.iter().position(|texts| texts.contains(text));
            Named {
                identity: identity(text),
                owner: owner.map(|index| (profile(index), graph(known[index]))),
            }
        });
        let person = Person::of(&namespaces(), named.collect());
        let found = person.profile.map(|(id, _)| (0..known.len()).find(|each| profile(*each) == id).unwrap());
        (found, person.identities.iter().map(|each| format!("{}:{}", each.namespace, each.value)).collect())
    }

    #[test]
    fn a_login_is_whoever_the_identity_of_the_highest_priority_says() {
        const ANN: &[&str] = &["CRMID:1", "Email:both@example.com"];
        const BOB: &[&str] = &["CRMID:2", "Email:bob@example.com"];
        for (login, expected, theirs) in [
            (&["CRMID:1"][..], Some(0), &["CRMID:1"][..]),
            (&["Email:both@example.com", "CRMID:1"], Some(0), &["CRMID:1", "Email:both@example.com"]),
            // Whoever shares an e-mail address with Ann is not Ann.
            (&["CRMID:2", "Email:both@example.com"], Some(1), &["CRMID:2"]),
            (&["CRMID:3", "Email:both@example.com"], None, &["CRMID:3"]),
            (&["CRMID:3", "Email:bob@example.com", "Email:both@example.com"], None, &["CRMID:3"]),
            // Who is known by the e-mail alone may be.
            (&["Email:both@example.com"], Some(0), &["Email:both@example.com"]),
            // A new address of a known customer is theirs.
            (&["CRMID:2", "Email:new@example.com"], Some(1), &["CRMID:2", "Email:new@example.com"]),
            (&["Email:new@example.com"], None, &["Email:new@example.com"]),
        ] {
            let (found, identities) = person(&[ANN, BOB], login);
            assert_eq!(
                (found, identities.iter().map(String::as_str).collect::<Vec<_>>()),
                (expected, theirs.to_vec()),
                "{login:?}"
            );
        }
    }

    #[test]
    fn a_visitor_is_taken_from_whoever_is_somebody_else_and_from_nobody_else() {
        let hashed = format!(
            "Email_LC_SHA256:{}",
            hex::encode(<sha2::Sha256 as sha2::Digest>::digest("ann@example.com"))
        );
        for (holder, login, is_taken) in [
            (&["ECID:11111111111111111111111111111111111111"][..], &["Email:bob@example.com"][..], false),
            (&["Email:ann@example.com"], &["Email:bob@example.com"], true),
            (&[hashed.as_str()], &["Email:bob@example.com"], true),
            (&["Phone_E.164:+15550001111"], &["Phone_E.164:+15550002222"], true),
            (&["CRMID:1"], &["CRMID:2"], true),
            (&["CRMID:1"], &["CRMID:2", "Email:bob@example.com"], true),
            // Nothing says that these are two.
            (&["CRMID:1"], &["Email:bob@example.com"], false),
            // A link that was broken off: the graph names what links to nobody yet.
            (
                &["CRMID:1", "Email:ann@example.com", "Email:old@example.com"],
                &["CRMID:1", "Email:ann@example.com"],
                false,
            ),
        ] {
            let named = identities(login).into_iter().map(|identity| Named { identity, owner: None });
            let person = Person::of(&namespaces(), named.collect());
            let is_taken_from =
                person.takes_from(&namespaces(), &profile(7), &graph(holder), &identities(login));
            assert_eq!(is_taken_from, is_taken, "{holder:?} {login:?}");
        }
    }
}
