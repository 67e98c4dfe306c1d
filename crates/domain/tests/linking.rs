//! Which links stand, in the documents' own scenarios and in whatever chance brings.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use domain::graph::MOST_IDENTITIES;
use domain::graph::linking::{Event, Linked, MOST_IN_RECORD, Reason, Rules, link};
use domain::namespace::NamespaceType;

/// What must come of some events under some rules.
struct Scenario {
    what: &'static str,
    /// The namespaces, highest priority first; unique ones with a `!`, and a type where it is not the usual one:
    /// `CRMID! ECID Vendor=partner_id`.
    rules: &'static str,
    /// A line each, as in Adobe's graph simulation: `CRMID: Tom, ECID: 111`. Its time is its line's number, unless it
    /// begins with one: `3 | CRMID: Tom, ECID: 111`.
    events: &'static str,
    /// A graph each.
    graphs: &'static [&'static str],
    isolated: &'static str,
    /// A link each.
    dropped: &'static [&'static str],
}

fn rules(text: &str) -> Rules {
    let mut rules = Rules::default();
    for word in text.split_whitespace() {
        let (word, kind) = word.split_once('=').map_or((word, None), |(word, kind)| (word, Some(kind)));
        let code = word.trim_end_matches('!').parse::<domain::namespace::NamespaceCode>().unwrap();
        if word.ends_with('!') {
            rules.unique.insert(code.clone());
        }
        if let Some(kind) = kind {
            let kind: NamespaceType = serde_json::from_value(kind.into()).unwrap();
            rules.types.insert(code.clone(), kind);
        }
        rules.priority.push(code);
    }
    rules
}

fn event(number: usize, line: &str) -> Event {
    let (time, named) = line.split_once('|').unwrap_or(("", line));
    let mut ids: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for pair in named.split(',') {
        let (namespace, value) = pair.split_once(':').unwrap();
        ids.entry(namespace.trim().parse().unwrap()).or_default().insert(value.trim().to_owned());
    }
    Event { t: time.trim().parse().unwrap_or(i64::try_from(number).unwrap() + 1), ids }
}

fn events(text: &str) -> Vec<Event> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.enumerate().map(|(number, line)| event(number, line)).collect()
}

fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    words.sort_unstable();
    words
}

fn sorted(texts: &[&str]) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = texts.iter().map(|text| words(text)).collect();
    all.sort_unstable();
    all
}

fn links(linked: &Linked) -> Vec<Vec<String>> {
    linked.dropped.iter().map(|dropped| dropped.link.clone()).collect()
}

const SEGMENT_MATCH: &str = "CRMID! Email_LC_SHA256 Phone_SHA256 GAID IDFA ECID";
const LOGINS: &str = "CRMID! loginID ECID";
const MANY_LOGINS: &str = "CRMID! Email_LC_SHA256 Phone_SHA256 loginID ECID AAID";
const COMMERCE: &str = "CRMID! Email! ECID";

const SCENARIOS: &[Scenario] = &[
    Scenario {
        what: "one person with one browser",
        rules: "CRMID! ECID",
        events: "CRMID: Tom, ECID: 111",
        graphs: &["CRMID:Tom ECID:111"],
        isolated: "",
        dropped: &[],
    },
    Scenario {
        what: "a shared browser belongs to who logged in last",
        rules: "CRMID! ECID",
        events: "CRMID: Tom, ECID: 111
                 CRMID: Summer, ECID: 111",
        graphs: &["CRMID:Summer ECID:111"],
        isolated: "CRMID:Tom",
        dropped: &["CRMID:Tom ECID:111"],
    },
    Scenario {
        what: "without a unique namespace a shared browser makes two people one",
        rules: "CRMID ECID",
        events: "CRMID: Tom, ECID: 111
                 CRMID: Summer, ECID: 111",
        graphs: &["CRMID:Tom CRMID:Summer ECID:111"],
        isolated: "",
        dropped: &[],
    },
    Scenario {
        what: "who logs in again has the browser back",
        rules: "CRMID! ECID",
        events: "CRMID: Kevin, ECID: 111
                 CRMID: Nora, ECID: 111
                 ECID: 111
                 CRMID: Kevin, ECID: 111",
        graphs: &["CRMID:Kevin ECID:111"],
        isolated: "CRMID:Nora",
        dropped: &["CRMID:Nora ECID:111"],
    },
    Scenario {
        what: "a shared browser with e-mails that are unique too",
        rules: COMMERCE,
        events: "0 | CRMID: Jane, Email: jane@g
                 0 | CRMID: John, Email: john@g
                 1 | CRMID: Jane, ECID: 111
                 2 | CRMID: John, ECID: 111",
        graphs: &["CRMID:Jane Email:jane@g", "CRMID:John Email:john@g ECID:111"],
        isolated: "",
        dropped: &["CRMID:Jane ECID:111"],
    },
    Scenario {
        what: "a bad e-mail stays with who gave it last",
        rules: COMMERCE,
        events: "CRMID: Jane, ECID: 111
                 CRMID: John, ECID: 222
                 CRMID: Jane, Email: test@test
                 CRMID: John, Email: test@test",
        graphs: &["CRMID:Jane ECID:111", "CRMID:John ECID:222 Email:test@test"],
        isolated: "",
        dropped: &["CRMID:Jane Email:test@test"],
    },
    Scenario {
        what: "hashed e-mails: two people stay two",
        rules: "CRMID! Email_LC_SHA256 ECID",
        events: "CRMID: Tom, Email_LC_SHA256: aabbcc
                 CRMID: Tom, ECID: 111
                 CRMID: Summer, Email_LC_SHA256: ddeeff
                 CRMID: Summer, ECID: 222",
        graphs: &[
            "CRMID:Tom Email_LC_SHA256:aabbcc ECID:111",
            "CRMID:Summer Email_LC_SHA256:ddeeff ECID:222",
        ],
        isolated: "",
        dropped: &[],
    },
    Scenario {
        what: "hashed e-mails: a shared browser",
        rules: "CRMID! Email_LC_SHA256 ECID",
        events: "CRMID: Tom, Email_LC_SHA256: aabbcc
                 CRMID: Tom, ECID: 111
                 CRMID: Summer, Email_LC_SHA256: ddeeff
                 CRMID: Summer, ECID: 222
                 CRMID: Summer, ECID: 111",
        graphs: &[
            "CRMID:Tom Email_LC_SHA256:aabbcc",
            "CRMID:Summer Email_LC_SHA256:ddeeff ECID:222 ECID:111",
        ],
        isolated: "",
        dropped: &["CRMID:Tom ECID:111"],
    },
    Scenario {
        what: "hashed e-mails: one e-mail for two people",
        rules: "CRMID! Email_LC_SHA256 ECID",
        events: "CRMID: Tom, Email_LC_SHA256: aabbcc
                 CRMID: Tom, ECID: 111
                 CRMID: Summer, Email_LC_SHA256: ddeeff
                 CRMID: Summer, ECID: 222
                 CRMID: Summer, Email_LC_SHA256: aabbcc",
        graphs: &[
            "CRMID:Tom ECID:111",
            "CRMID:Summer Email_LC_SHA256:aabbcc Email_LC_SHA256:ddeeff ECID:222",
        ],
        isolated: "",
        dropped: &["CRMID:Tom Email_LC_SHA256:aabbcc"],
    },
    Scenario {
        what: "devices: two people with two devices each",
        rules: SEGMENT_MATCH,
        events: "CRMID: Tom, Email_LC_SHA256: aabbcc, Phone_SHA256: 123-4567
                 CRMID: Tom, ECID: 111
                 CRMID: Tom, ECID: 222, IDFA: A-A-A
                 CRMID: Summer, Email_LC_SHA256: ddeeff, Phone_SHA256: 765-4321
                 CRMID: Summer, ECID: 333
                 CRMID: Summer, ECID: 444, GAID: B-B-B",
        graphs: &[
            "CRMID:Tom Email_LC_SHA256:aabbcc Phone_SHA256:123-4567 ECID:111 ECID:222 IDFA:A-A-A",
            "CRMID:Summer Email_LC_SHA256:ddeeff Phone_SHA256:765-4321 ECID:333 ECID:444 GAID:B-B-B",
        ],
        isolated: "",
        dropped: &[],
    },
    Scenario {
        what: "devices: a shared computer",
        rules: SEGMENT_MATCH,
        events: "CRMID: Tom, Email_LC_SHA256: aabbcc, Phone_SHA256: 123-4567
                 CRMID: Tom, ECID: 111
                 CRMID: Tom, ECID: 222, IDFA: A-A-A
                 CRMID: Summer, Email_LC_SHA256: ddeeff, Phone_SHA256: 765-4321
                 CRMID: Summer, ECID: 333
                 CRMID: Summer, ECID: 444, GAID: B-B-B
                 CRMID: Summer, ECID: 111",
        graphs: &[
            "CRMID:Tom Email_LC_SHA256:aabbcc Phone_SHA256:123-4567 ECID:222 IDFA:A-A-A",
            "CRMID:Summer Email_LC_SHA256:ddeeff Phone_SHA256:765-4321 ECID:111 ECID:333 ECID:444 GAID:B-B-B",
        ],
        isolated: "",
        dropped: &["CRMID:Tom ECID:111"],
    },
    Scenario {
        what: "devices: a shared telephone goes over with its browser",
        rules: SEGMENT_MATCH,
        events: "CRMID: Tom, Email_LC_SHA256: aabbcc, Phone_SHA256: 123-4567
                 CRMID: Tom, ECID: 111
                 CRMID: Tom, ECID: 222, IDFA: A-A-A
                 CRMID: Summer, Email_LC_SHA256: ddeeff, Phone_SHA256: 765-4321
                 CRMID: Summer, ECID: 333
                 CRMID: Summer, ECID: 444, GAID: B-B-B
                 CRMID: Tom, ECID: 444, GAID: B-B-B",
        graphs: &[
            "CRMID:Tom Email_LC_SHA256:aabbcc Phone_SHA256:123-4567 ECID:111 ECID:222 IDFA:A-A-A ECID:444 GAID:B-B-B",
            "CRMID:Summer Email_LC_SHA256:ddeeff Phone_SHA256:765-4321 ECID:333",
        ],
        isolated: "",
        dropped: &["CRMID:Summer ECID:444", "CRMID:Summer GAID:B-B-B"],
    },
    Scenario {
        what: "devices: a shared tablet whose browser was reset keeps the old browser with its first person",
        rules: SEGMENT_MATCH,
        events: "CRMID: Tom, Email_LC_SHA256: aabbcc, Phone_SHA256: 123-4567
                 CRMID: Tom, ECID: 111
                 CRMID: Tom, ECID: 222, IDFA: A-A-A
                 CRMID: Summer, Email_LC_SHA256: ddeeff, Phone_SHA256: 765-4321
                 CRMID: Summer, ECID: 333
                 CRMID: Summer, ECID: 444, GAID: B-B-B
                 CRMID: Summer, ECID: 555, IDFA: A-A-A",
        graphs: &[
            "CRMID:Tom Email_LC_SHA256:aabbcc Phone_SHA256:123-4567 ECID:111 ECID:222",
            "CRMID:Summer Email_LC_SHA256:ddeeff Phone_SHA256:765-4321 ECID:333 ECID:444 GAID:B-B-B ECID:555 IDFA:A-A-A",
        ],
        isolated: "",
        dropped: &["CRMID:Tom IDFA:A-A-A", "ECID:222 IDFA:A-A-A"],
    },
    Scenario {
        what: "devices: one phone number for two people, of a namespace that is not unique",
        rules: SEGMENT_MATCH,
        events: "CRMID: Tom, Email_LC_SHA256: aabbcc, Phone_SHA256: 123-4567
                 CRMID: Tom, ECID: 111
                 CRMID: Summer, Email_LC_SHA256: ddeeff, Phone_SHA256: 765-4321
                 CRMID: Summer, ECID: 333
                 CRMID: Summer, Phone_SHA256: 123-4567",
        graphs: &[
            "CRMID:Tom Email_LC_SHA256:aabbcc ECID:111",
            "CRMID:Summer Email_LC_SHA256:ddeeff Phone_SHA256:765-4321 Phone_SHA256:123-4567 ECID:333",
        ],
        isolated: "",
        dropped: &["CRMID:Tom Phone_SHA256:123-4567", "Email_LC_SHA256:aabbcc Phone_SHA256:123-4567"],
    },
    Scenario {
        what: "devices: of a unique phone number the older one goes",
        rules: "CRMID! Email_LC_SHA256 Phone_SHA256! GAID IDFA ECID",
        events: "CRMID: Tom, Email_LC_SHA256: aabbcc, Phone_SHA256: 123-4567
                 CRMID: Tom, ECID: 111
                 CRMID: Summer, Email_LC_SHA256: ddeeff, Phone_SHA256: 765-4321
                 CRMID: Summer, ECID: 333
                 CRMID: Summer, Phone_SHA256: 123-4567",
        graphs: &[
            "CRMID:Tom Email_LC_SHA256:aabbcc ECID:111",
            "CRMID:Summer Email_LC_SHA256:ddeeff Phone_SHA256:123-4567 ECID:333",
        ],
        isolated: "Phone_SHA256:765-4321",
        dropped: &[
            "CRMID:Tom Phone_SHA256:123-4567",
            "Email_LC_SHA256:aabbcc Phone_SHA256:123-4567",
            "CRMID:Summer Phone_SHA256:765-4321",
            "Email_LC_SHA256:ddeeff Phone_SHA256:765-4321",
        ],
    },
    Scenario {
        what: "logins: a person of several logins",
        rules: LOGINS,
        events: "CRMID: Tom, loginID: ID_A
                 CRMID: Tom, loginID: ID_B
                 loginID: ID_A, ECID: 111
                 CRMID: Summer, loginID: ID_C
                 CRMID: Summer, loginID: ID_D
                 loginID: ID_C, ECID: 222",
        graphs: &[
            "CRMID:Tom loginID:ID_A loginID:ID_B ECID:111",
            "CRMID:Summer loginID:ID_C loginID:ID_D ECID:222",
        ],
        isolated: "",
        dropped: &[],
    },
    Scenario {
        what: "logins: a shared browser leaves the older login, not the person",
        rules: LOGINS,
        events: "CRMID: Tom, loginID: ID_A
                 CRMID: Tom, loginID: ID_B
                 loginID: ID_A, ECID: 111
                 CRMID: Summer, loginID: ID_C
                 CRMID: Summer, loginID: ID_D
                 loginID: ID_C, ECID: 222
                 loginID: ID_C, ECID: 111",
        graphs: &[
            "CRMID:Tom loginID:ID_A loginID:ID_B",
            "CRMID:Summer loginID:ID_C loginID:ID_D ECID:222 ECID:111",
        ],
        isolated: "",
        dropped: &["loginID:ID_A ECID:111"],
    },
    Scenario {
        what: "logins: a login that is wrongly linked with two people goes to the newer",
        rules: LOGINS,
        events: "CRMID: Tom, loginID: ID_A
                 CRMID: Tom, loginID: ID_B
                 loginID: ID_A, ECID: 111
                 CRMID: Summer, loginID: ID_C
                 CRMID: Summer, loginID: ID_D
                 loginID: ID_C, ECID: 222
                 CRMID: Tom, loginID: ID_D",
        graphs: &[
            "CRMID:Tom loginID:ID_A loginID:ID_B loginID:ID_D ECID:111",
            "CRMID:Summer loginID:ID_C ECID:222",
        ],
        isolated: "",
        dropped: &["CRMID:Summer loginID:ID_D"],
    },
    Scenario {
        what: "logins: a login without its person cannot be told apart",
        rules: LOGINS,
        events: "CRMID: Tom, loginID: ID_A
                 CRMID: Tom, loginID: ID_B
                 loginID: ID_A, ECID: 111
                 loginID: ID_C, ECID: 111",
        graphs: &["CRMID:Tom loginID:ID_A loginID:ID_B loginID:ID_C ECID:111"],
        isolated: "",
        dropped: &[],
    },
    Scenario {
        what: "many logins: the latest event wins over priority, and priority over newness",
        rules: MANY_LOGINS,
        events: "CRMID: Tom, Email_LC_SHA256: aabbcc, Phone_SHA256: 123-4567
                 CRMID: Tom, loginID: ID_A
                 CRMID: Tom, loginID: ID_B
                 loginID: ID_A, ECID: 111
                 CRMID: Summer, Email_LC_SHA256: ddeeff, Phone_SHA256: 765-4321
                 CRMID: Summer, loginID: ID_C
                 CRMID: Summer, loginID: ID_D
                 loginID: ID_C, ECID: 222
                 CRMID: Summer, loginID: ID_C, ECID: 111
                 loginID: ID_A, ECID: 111",
        graphs: &[
            "CRMID:Tom Email_LC_SHA256:aabbcc Phone_SHA256:123-4567 loginID:ID_A loginID:ID_B ECID:111",
            "CRMID:Summer Email_LC_SHA256:ddeeff Phone_SHA256:765-4321 loginID:ID_C loginID:ID_D ECID:222",
        ],
        isolated: "",
        dropped: &["CRMID:Summer ECID:111", "loginID:ID_C ECID:111"],
    },
    Scenario {
        what: "many logins: a bad login takes nothing along",
        rules: MANY_LOGINS,
        events: "CRMID: Tom, Email_LC_SHA256: aabbcc, Phone_SHA256: 123-4567
                 CRMID: Tom, loginID: ID_A
                 loginID: ID_A, ECID: 111
                 CRMID: Summer, Email_LC_SHA256: ddeeff, Phone_SHA256: 765-4321
                 CRMID: Summer, loginID: ID_C
                 CRMID: Summer, loginID: ID_D
                 loginID: ID_C, ECID: 222
                 CRMID: Tom, loginID: ID_C",
        graphs: &[
            "CRMID:Tom Email_LC_SHA256:aabbcc Phone_SHA256:123-4567 loginID:ID_A loginID:ID_C ECID:111 ECID:222",
            "CRMID:Summer Email_LC_SHA256:ddeeff Phone_SHA256:765-4321 loginID:ID_D",
        ],
        isolated: "",
        dropped: &["CRMID:Summer loginID:ID_C"],
    },
    Scenario {
        what: "many logins: one made-up phone number for two people",
        rules: MANY_LOGINS,
        events: "CRMID: Tom, Email_LC_SHA256: aabbcc, Phone_SHA256: 123-4567
                 CRMID: Tom, loginID: ID_A
                 CRMID: Summer, Email_LC_SHA256: ddeeff, Phone_SHA256: 765-4321
                 CRMID: Summer, loginID: ID_C
                 CRMID: Tom, Phone_SHA256: 111-1111
                 CRMID: Summer, Phone_SHA256: 111-1111",
        graphs: &[
            "CRMID:Tom Email_LC_SHA256:aabbcc Phone_SHA256:123-4567 loginID:ID_A",
            "CRMID:Summer Email_LC_SHA256:ddeeff Phone_SHA256:765-4321 Phone_SHA256:111-1111 loginID:ID_C",
        ],
        isolated: "",
        dropped: &["CRMID:Tom Phone_SHA256:111-1111"],
    },
    Scenario {
        what: "commerce: a member and a guest on one browser",
        rules: COMMERCE,
        events: "CRMID: Tom, Email: tom@acme
                 CRMID: Tom, ECID: 111
                 Email: summer@acme, ECID: 111",
        graphs: &["CRMID:Tom Email:tom@acme", "Email:summer@acme ECID:111"],
        isolated: "",
        dropped: &["CRMID:Tom ECID:111"],
    },
    Scenario {
        what: "commerce: a member without an e-mail and a guest cannot be told apart",
        rules: COMMERCE,
        events: "CRMID: Tom, ECID: 111
                 Email: summer@acme, ECID: 111",
        graphs: &["CRMID:Tom Email:summer@acme ECID:111"],
        isolated: "",
        dropped: &[],
    },
    Scenario {
        what: "commerce: two guests on one browser",
        rules: COMMERCE,
        events: "Email: tom@acme, ECID: 111
                 Email: summer@acme, ECID: 111",
        graphs: &["Email:summer@acme ECID:111"],
        isolated: "Email:tom@acme",
        dropped: &["Email:tom@acme ECID:111"],
    },
    Scenario {
        what: "commerce: a guest who becomes a member",
        rules: COMMERCE,
        events: "Email: tom@acme, ECID: 111
                 Email: tom@acme, CRMID: Tom
                 CRMID: Tom, ECID: 111",
        graphs: &["CRMID:Tom Email:tom@acme ECID:111"],
        isolated: "",
        dropped: &[],
    },
    Scenario {
        what: "a shared device with its browser goes over whole",
        rules: "CRMID! IDFA ECID",
        events: "CRMID: John, ECID: 111, IDFA: a-b-c
                 CRMID: Jane, ECID: 111, IDFA: a-b-c",
        graphs: &["CRMID:Jane ECID:111 IDFA:a-b-c"],
        isolated: "CRMID:John",
        dropped: &["CRMID:John ECID:111", "CRMID:John IDFA:a-b-c"],
    },
    Scenario {
        what: "one credit card for two people, who keep their browsers",
        rules: "CRMID! CChash ECID IDFA",
        events: "CRMID: John, CChash: 1111-2222
                 CRMID: Jane, CChash: 1111-2222
                 CRMID: John, ECID: 123
                 CRMID: Jane, ECID: 456",
        graphs: &["CRMID:Jane CChash:1111-2222 ECID:456", "CRMID:John ECID:123"],
        isolated: "",
        dropped: &["CRMID:John CChash:1111-2222"],
    },
    Scenario {
        what: "a value that means nothing stays with the last of many",
        rules: "CRMID! CChash ECID IDFA",
        events: "CRMID: John, CChash: undefined
                 CRMID: Jane, CChash: undefined
                 CRMID: Jack, CChash: undefined
                 CRMID: Jill, CChash: undefined",
        graphs: &["CRMID:Jill CChash:undefined"],
        isolated: "CRMID:Jack CRMID:Jane CRMID:John",
        dropped: &[
            "CRMID:Jack CChash:undefined",
            "CRMID:Jane CChash:undefined",
            "CRMID:John CChash:undefined",
        ],
    },
    Scenario {
        what: "hashed person IDs on a shared browser",
        rules: "CRMID! CRMIDhash! ECID",
        events: "CRMID: John, CRMIDhash: John
                 CRMID: Jane, CRMIDhash: Jane
                 CRMIDhash: John, ECID: 111
                 CRMIDhash: Jane, ECID: 111",
        graphs: &["CRMID:Jane CRMIDhash:Jane ECID:111", "CRMID:John CRMIDhash:John"],
        isolated: "",
        dropped: &["CRMIDhash:John ECID:111"],
    },
    Scenario {
        what: "one hash for two person IDs stays with the newer",
        rules: "CRMID! CRMIDhash! ECID",
        events: "CRMID: John, CRMIDhash: aaaa
                 CRMID: Jane, CRMIDhash: aaaa",
        graphs: &["CRMID:Jane CRMIDhash:aaaa"],
        isolated: "CRMID:John",
        dropped: &["CRMID:John CRMIDhash:aaaa"],
    },
    Scenario {
        what: "a person who changes the e-mail keeps the new one, and the old one stays with its hash",
        rules: "CRMID! Email! Email_LC_SHA256! ECID",
        events: "CRMID: John, Email: john@g, Email_LC_SHA256: john_hash
                 CRMID: John, Email: john@y, Email_LC_SHA256: john_y_hash",
        graphs: &[
            "CRMID:John Email:john@y Email_LC_SHA256:john_y_hash",
            "Email:john@g Email_LC_SHA256:john_hash",
        ],
        isolated: "",
        dropped: &["CRMID:John Email:john@g", "CRMID:John Email_LC_SHA256:john_hash"],
    },
    Scenario {
        what: "of events of one time none is the latest: the text decides, whatever the order of arrival",
        rules: "CRMID! ECID",
        events: "7 | CRMID: Tom, ECID: 111
                 7 | CRMID: Summer, ECID: 111",
        graphs: &["CRMID:Summer ECID:111"],
        isolated: "CRMID:Tom",
        dropped: &["CRMID:Tom ECID:111"],
    },
    Scenario {
        what: "of events of one time the one of the higher namespaces wins",
        rules: "CRMID! Email! ECID",
        events: "7 | Email: a@acme, ECID: 111
                 7 | CRMID: Zoe, ECID: 111
                 7 | CRMID: Zoe, Email: z@acme",
        graphs: &["CRMID:Zoe Email:z@acme ECID:111"],
        isolated: "Email:a@acme",
        dropped: &["Email:a@acme ECID:111"],
    },
    Scenario {
        what: "time orders events, not their place in the line",
        rules: "CRMID! ECID",
        events: "9 | CRMID: Tom, ECID: 111
                 2 | CRMID: Summer, ECID: 111",
        graphs: &["CRMID:Tom ECID:111"],
        isolated: "CRMID:Summer",
        dropped: &["CRMID:Summer ECID:111"],
    },
    Scenario {
        what: "a dropped link does not come back when what it made way for goes",
        rules: "CRMID! ECID",
        events: "CRMID: Tom, ECID: 111
                 CRMID: Summer, ECID: 111
                 CRMID: Jane, ECID: 111",
        graphs: &["CRMID:Jane ECID:111"],
        isolated: "CRMID:Summer CRMID:Tom",
        dropped: &["CRMID:Summer ECID:111", "CRMID:Tom ECID:111"],
    },
    Scenario {
        what: "a partner ID links nobody, whoever holds it",
        rules: "CRMID Vendor=partner_id ECID",
        events: "CRMID: Tom, Vendor: v1
                 CRMID: Summer, Vendor: v1
                 CRMID: Tom, ECID: 111, Vendor: v1",
        graphs: &["CRMID:Tom ECID:111"],
        isolated: "CRMID:Summer Vendor:v1",
        dropped: &["CRMID:Summer Vendor:v1", "CRMID:Tom Vendor:v1", "ECID:111 Vendor:v1"],
    },
    Scenario {
        what: "what names no person links nobody",
        rules: "CRMID SKU=non_people",
        events: "CRMID: Tom, SKU: tent
                 CRMID: Summer, SKU: tent",
        graphs: &[],
        isolated: "CRMID:Summer CRMID:Tom SKU:tent",
        dropped: &["CRMID:Summer SKU:tent", "CRMID:Tom SKU:tent"],
    },
    Scenario {
        what: "an event of one identity links nothing",
        rules: "CRMID! ECID",
        events: "ECID: 111
                 CRMID: Tom",
        graphs: &[],
        isolated: "CRMID:Tom ECID:111",
        dropped: &[],
    },
    Scenario {
        what: "a record that contradicts itself is not believed at all",
        rules: "CRMID! ECID",
        events: "CRMID: Alice, ECID: 111
                 CRMID: Alice, CRMID: Bob, ECID: 222",
        graphs: &["CRMID:Alice ECID:111"],
        isolated: "CRMID:Bob ECID:222",
        dropped: &["CRMID:Alice CRMID:Bob", "CRMID:Alice ECID:222", "CRMID:Bob ECID:222"],
    },
    Scenario {
        what: "codes of namespaces are told apart by case",
        rules: "CRMID! crmid ECID",
        events: "crmid: Tom, ECID: 111
                 crmid: Summer, ECID: 111",
        graphs: &["crmid:Tom crmid:Summer ECID:111"],
        isolated: "",
        dropped: &[],
    },
    Scenario {
        what: "a namespace without a priority ranks last",
        rules: "CRMID! Email",
        events: "CRMID: Tom, Email: tom@acme
                 CRMID: Tom, Card: 1
                 CRMID: Summer, Card: 2
                 Email: tom@acme, Card: 2",
        graphs: &["CRMID:Tom Card:1 Card:2 Email:tom@acme"],
        isolated: "CRMID:Summer",
        dropped: &["CRMID:Summer Card:2"],
    },
];

#[test]
fn every_scenario_comes_out_as_documented() {
    assert!(SCENARIOS.len() >= 30, "{} scenarios", SCENARIOS.len());
    for scenario in SCENARIOS {
        let linked = link(&rules(scenario.rules), &events(scenario.events));
        let found = (linked.graphs.clone(), linked.isolated.clone(), links(&linked));
        let expected = (sorted(scenario.graphs), words(scenario.isolated), sorted(scenario.dropped));
        assert_eq!(found, expected, "{}: {:?}", scenario.what, linked.dropped);
    }
}

#[test]
fn a_reason_names_what_would_have_come_together() {
    let linked = link(&rules("CRMID! ECID"), &events("CRMID: Tom, ECID: 111\nCRMID: Summer, ECID: 111"));
    assert_eq!(
        serde_json::to_value(&linked.dropped).unwrap(),
        serde_json::json!([{
            "link": ["CRMID:Tom", "ECID:111"],
            "reason": "namespace `CRMID` is unique: the link would put `CRMID:Summer` and `CRMID:Tom` into one graph",
        }])
    );
}

/// A person who was seen with one browser after another.
fn browsers(count: usize) -> Vec<Event> {
    (0..count).map(|number| event(number, &format!("CRMID: Tom, ECID: {number:03}"))).collect()
}

fn ecids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("ECID:{number:03}")).collect()
}

#[test]
fn a_full_graph_lets_go_of_its_oldest_cookie() {
    let linked = link(&rules("CRMID! ECID"), &browsers(60));
    let graph: Vec<String> = ["CRMID:Tom".to_owned()].into_iter().chain(ecids(11..60)).collect();
    assert_eq!(linked.graphs, [graph]);
    assert_eq!(linked.isolated, ecids(0..11));
    assert_eq!(linked.dropped.len(), 11);
    assert_eq!(linked.dropped.first().unwrap().reason, Reason::Evicted("ECID:000".to_owned()));
}

#[test]
fn cookies_go_before_devices_and_devices_before_people() {
    let mut all = events("0 | CRMID: Tom, IDFA: old\n1 | CRMID: Tom, ECID: young");
    all.extend((0..48).map(|number| event(number + 2, &format!("CRMID: Tom, Card: {number:03}"))));
    let gone = |all: &[Event]| link(&rules("CRMID! IDFA ECID"), all).isolated;
    assert_eq!(gone(&all), ["ECID:young"], "the device is older");
    all.push(event(60, "CRMID: Tom, Card: 100"));
    assert_eq!(gone(&all), ["ECID:young", "IDFA:old"]);
    all.push(event(61, "CRMID: Tom, Card: 101"));
    assert_eq!(gone(&all), ["Card:000", "ECID:young", "IDFA:old"]);
}

#[test]
fn what_was_named_just_now_is_not_the_one_to_go() {
    let mut all: Vec<Event> =
        (0..49).map(|number| event(number, &format!("CRMID: Tom, Card: {number:03}"))).collect();
    all.push(event(60, "CRMID: Tom, ECID: new"));
    let linked = link(&rules("CRMID! ECID"), &all);
    assert_eq!(linked.isolated, ["Card:000"]);
}

#[test]
fn a_record_of_too_many_identities_is_skipped() {
    let record = |count: usize| {
        let named: Vec<String> = (0..count).map(|number| format!("Card: {number:02}")).collect();
        vec![event(0, &named.join(", "))]
    };
    let fits = link(&Rules::default(), &record(MOST_IN_RECORD));
    assert_eq!((fits.graphs.len(), fits.dropped.len()), (1, 0));
    let skipped = link(&Rules::default(), &record(MOST_IN_RECORD + 1));
    assert_eq!((skipped.graphs.len(), skipped.isolated.len()), (0, MOST_IN_RECORD + 1));
    assert_eq!(skipped.dropped.first().unwrap().reason, Reason::TooMany(MOST_IN_RECORD + 1));
}

#[test]
fn thousands_of_events_that_all_collide_are_linked_in_a_moment() {
    let one_device: Vec<Event> = (0..20_000)
        .map(|number| event(number, &format!("CRMID: p{}, ECID: {}", number % 5_000, number % 7)))
        .collect();
    let at_once: Vec<Event> = one_device.iter().map(|event| Event { t: 1, ..event.clone() }).collect();
    for (events, graphs) in [(one_device, 7), (at_once, 2)] {
        let began = std::time::Instant::now();
        let linked = link(&rules("CRMID! ECID"), &events);
        assert_eq!((linked.graphs.len(), linked.isolated.len()), (graphs, 5_000 - graphs));
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    }
}

/// Few namespaces and values, so that events collide all the time.
fn chance() -> impl Strategy<Value = (Rules, Vec<Event>)> {
    let codes = ["CRMID", "Email", "loginID", "IDFA", "ECID", "Vendor"];
    let identity = (prop::sample::select(codes.to_vec()), 0..4_u8);
    let ids = prop::collection::vec(identity, 1..5);
    let events = prop::collection::vec((0..6_i64, ids), 0..25);
    let unique = prop::sample::subsequence(vec!["CRMID", "Email", "loginID"], 0..=3);
    let priority = Just(codes.to_vec()).prop_shuffle();
    (events, unique, priority).prop_map(move |(events, unique, priority)| {
        let code = |code: &str| code.parse().unwrap();
        let rules = Rules {
            unique: unique.into_iter().map(code).collect(),
            priority: priority.into_iter().map(code).collect(),
            types: BTreeMap::from([(code("Vendor"), NamespaceType::PartnerId)]),
        };
        let events = events.into_iter().map(|(t, named)| {
            let mut ids: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
            for (namespace, value) in named {
                ids.entry(code(namespace)).or_default().insert(value.to_string());
            }
            Event { t, ids }
        });
        (rules, events.collect())
    })
}

fn pairs(event: &Event) -> BTreeSet<Vec<String>> {
    let named =
        event.ids.iter().flat_map(|(code, values)| values.iter().map(move |each| format!("{code}:{each}")));
    let named: BTreeSet<String> = named.collect();
    let pair = |one: &String| {
        named.range(one.clone()..).skip(1).map(|other| vec![one.clone(), other.clone()]).collect()
    };
    named.iter().flat_map(|one| -> Vec<Vec<String>> { pair(one) }).collect()
}

#[test]
fn a_key_that_stands_twice_is_an_error_and_nothing_is_lost_for_it() {
    let event = |ids: &str| serde_json::from_str::<Event>(&format!(r#"{{"t": 1, "ids": {{{ids}}}}}"#));
    assert_eq!(event(r#""A": ["x"], "B": ["y"]"#).unwrap().ids.len(), 2);
    assert!(event(r#""A": ["x"], "A": ["y"]"#).unwrap_err().to_string().contains("a key twice"));
    let types = r#"{"types": {"A": "partner_id", "A": "cookie"}}"#;
    assert!(serde_json::from_str::<Rules>(types).unwrap_err().to_string().contains("a key twice"));
    assert_eq!(serde_json::from_str::<Rules>("{}").unwrap(), Rules::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_comes_of_events_does_not_depend_on_their_order(
        (rules, events, shuffled) in chance().prop_flat_map(|(rules, events)| {
            (Just(rules), Just(events.clone()), Just(events).prop_shuffle())
        })
    ) {
        prop_assert_eq!(link(&rules, &events), link(&rules, &shuffled));
    }

    #[test]
    fn no_graph_has_two_identities_of_a_unique_namespace_or_a_partner_id((rules, events) in chance()) {
        for graph in link(&rules, &events).graphs {
            prop_assert!(graph.len() >= 2 && graph.len() <= MOST_IDENTITIES);
            for unique in &rules.unique {
                let held = graph.iter().filter(|each| each.split(':').next() == Some(unique.as_str()));
                prop_assert!(held.count() <= 1, "{:?}", graph);
            }
            prop_assert!(!graph.iter().any(|each| each.starts_with("Vendor:")));
        }
    }

    #[test]
    fn every_identity_is_in_one_graph_or_isolated((rules, events) in chance()) {
        let named: BTreeSet<String> = events.iter().flat_map(|event| {
            event.ids.iter().flat_map(|(code, values)| values.iter().map(move |each| format!("{code}:{each}")))
        }).collect();
        let linked = link(&rules, &events);
        let placed: Vec<String> = linked.graphs.into_iter().flatten().chain(linked.isolated).collect();
        prop_assert_eq!(placed.len(), named.len());
        prop_assert_eq!(placed.into_iter().collect::<BTreeSet<_>>(), named);
    }

    #[test]
    fn every_link_that_was_asked_for_stands_or_is_dropped((rules, events) in chance()) {
        let asked: BTreeSet<Vec<String>> = events.iter().flat_map(pairs).collect();
        let linked = link(&rules, &events);
        let dropped: BTreeSet<Vec<String>> = links(&linked).into_iter().collect();
        prop_assert_eq!(dropped.len(), linked.dropped.len(), "no link twice");
        prop_assert!(dropped.is_subset(&asked));
        // What is left holds each graph together, and joins no two.
        let kept: Vec<&Vec<String>> = asked.difference(&dropped).collect();
        for graph in &linked.graphs {
            let mut reached: BTreeSet<String> = graph.iter().take(1).cloned().collect();
            loop {
                let before = reached.len();
                for link in &kept {
                    if link.iter().any(|each| reached.contains(each)) {
                        reached.extend(link.iter().cloned());
                    }
                }
                if reached.len() == before {
                    break;
                }
            }
            prop_assert_eq!(&reached.into_iter().collect::<Vec<_>>(), graph);
        }
        for link in kept {
            prop_assert!(link.iter().all(|each| !linked.isolated.contains(each)));
        }
    }

    #[test]
    fn without_limits_nothing_but_partner_ids_is_dropped((rules, events) in chance()) {
        let rules = Rules { unique: BTreeSet::new(), ..rules };
        let linked = link(&rules, &events);
        prop_assert!(linked.dropped.iter().all(|each| matches!(each.reason, Reason::LinksNobody(_))));
    }
}
