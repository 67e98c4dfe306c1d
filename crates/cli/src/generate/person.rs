//! People who do not exist.

use std::fmt;

use super::draw::Draw;

const FIRST_NAMES: [&str; 40] = [
    "Ada", "Amir", "Anna", "Boris", "Carla", "Chen", "Clara", "Dana", "Diego", "Elena", "Emil", "Farah",
    "Felix", "Greta", "Hana", "Hugo", "Ines", "Ivan", "Jonas", "Julia", "Kofi", "Lara", "Leo", "Lina",
    "Marco", "Mary", "Mia", "Nadia", "Noah", "Olga", "Omar", "Paula", "Priya", "Rosa", "Sam", "Sofia",
    "Tara", "Theo", "Yuki", "Zoe",
];

const LAST_NAMES: [&str; 40] = [
    "Abbott", "Adler", "Baker", "Becker", "Carter", "Castro", "Dahl", "Dietrich", "Eriksen", "Fischer",
    "Foster", "Garcia", "Grant", "Haddad", "Hansen", "Ito", "Jansen", "Keller", "Klein", "Kumar", "Lang",
    "Larsen", "Lopez", "Marino", "Meyer", "Moreau", "Novak", "Okafor", "Olsen", "Park", "Petrov", "Quinn",
    "Rossi", "Sato", "Schmidt", "Silva", "Turner", "Vogel", "Walker", "Young",
];

/// The e-mail address of the person who is always there.
pub(crate) const STAR_EMAIL: &str = "bobby.bank@example.com";

/// Somebody invented.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: String,
    /// Tells people apart: what their other identifiers are made of.
    pub(crate) serial: Serial,
    /// Whether there is a value in every field.
    pub(crate) is_known_well: bool,
    /// Chooses everything else about them.
    pub(crate) draw: Draw,
}

/// What a person's identifiers are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serial {
    /// A running number: the customers of a company.
    Running(u64),
    /// Any number: whom somebody else knows.
    Any(u64),
}

impl Serial {
    pub(crate) fn number(self) -> u64 {
        match self {
            Serial::Running(number) | Serial::Any(number) => number,
        }
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Serial::Running(number) => write!(formatter, "{number:07}"),
            Serial::Any(number) => write!(formatter, "{number:016x}"),
        }
    }
}

impl Person {
    /// A customer by running number. Number 1 is the one who is always there, by `star`.
    pub(crate) fn customer(number: u64, draw: Draw, star: Draw) -> Person {
        if number == 1 {
            return Person::star(star);
        }
        let draw = draw.word("customer").number(number);
        Person::named(draw, Serial::Running(number), |first, last| {
            format!("{first}.{last}.{number}@example.com")
        })
    }

    /// Bobby Bank, whose draw is chosen so that he is a member of the project's audiences.
    pub(crate) fn star(draw: Draw) -> Person {
        Person {
            first_name: "Bobby".to_owned(),
            last_name: "Bank".to_owned(),
            email: STAR_EMAIL.to_owned(),
            serial: Serial::Running(1),
            is_known_well: true,
            draw,
        }
    }

    /// Somebody whom a partner recognises by a digest.
    pub(crate) fn recognised(digest: u64, draw: Draw) -> Person {
        let draw = draw.word("recognised").number(digest);
        Person::named(draw, Serial::Any(draw.bits()), |_, _| String::new())
    }

    /// Somebody whom a partner knows and the company does not.
    pub(crate) fn stranger(number: u64, draw: Draw) -> Person {
        let draw = draw.word("stranger").number(number);
        let serial = Serial::Any(draw.bits());
        Person::named(draw, serial, |first, last| format!("{first}.{last}.{number}@example.org"))
    }

    fn named(draw: Draw, serial: Serial, email: impl Fn(&str, &str) -> String) -> Person {
        let first_name = draw.word("first name").pick(&FIRST_NAMES).copied().unwrap_or_default();
        let last_name = draw.word("last name").pick(&LAST_NAMES).copied().unwrap_or_default();
        Person {
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
            email: email(&first_name.to_lowercase(), &last_name.to_lowercase()),
            serial,
            is_known_well: false,
            draw,
        }
    }
}
