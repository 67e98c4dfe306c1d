//! Countries and US states by all the names that sources use for them.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::normalise::latin_letters;

/// The alpha-2 code of a country in lower case, from alpha-2, alpha-3 or an English name.
pub(crate) fn country(text: &str) -> Option<&'static str> {
    static COUNTRIES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
        let lines = include_str!("countries.tsv").lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| Some((line.split('\t').next()?, line)))
            .flat_map(|(code, line)| line.split('\t').map(move |name| (latin_letters(name), code)))
            .collect()
    });
    COUNTRIES.get(&latin_letters(text)).copied()
}

/// The two-letter code of a US state, district, territory or military region in lower case, from code or name.
pub(crate) fn us_state(text: &str) -> Option<&'static str> {
    let letters = latin_letters(text);
    US_STATES.iter().find(|(code, name)| *code == letters || *name == letters).map(|(code, _)| *code)
}

const US_STATES: [(&str, &str); 59] = [
    ("al", "alabama"),
    ("ak", "alaska"),
    ("az", "arizona"),
    ("ar", "arkansas"),
    ("ca", "california"),
    ("co", "colorado"),
    ("ct", "connecticut"),
    ("de", "delaware"),
    ("dc", "districtofcolumbia"),
    ("fl", "florida"),
    ("ga", "georgia"),
    ("hi", "hawaii"),
    ("id", "idaho"),
    ("il", "illinois"),
    ("in", "indiana"),
    ("ia", "iowa"),
    ("ks", "kansas"),
    ("ky", "kentucky"),
    ("la", "louisiana"),
    ("me", "maine"),
    ("md", "maryland"),
    ("ma", "massachusetts"),
    ("mi", "michigan"),
    ("mn", "minnesota"),
    ("ms", "mississippi"),
    ("mo", "missouri"),
    ("mt", "montana"),
    ("ne", "nebraska"),
    ("nv", "nevada"),
    ("nh", "newhampshire"),
    ("nj", "newjersey"),
    ("nm", "newmexico"),
    ("ny", "newyork"),
    ("nc", "northcarolina"),
    ("nd", "northdakota"),
    ("oh", "ohio"),
    ("ok", "oklahoma"),
    ("or", "oregon"),
    ("pa", "pennsylvania"),
    ("ri", "rhodeisland"),
    ("sc", "southcarolina"),
    ("sd", "southdakota"),
    ("tn", "tennessee"),
    ("tx", "texas"),
    ("ut", "utah"),
    ("vt", "vermont"),
    ("va", "virginia"),
    ("wa", "washington"),
    ("wv", "westvirginia"),
    ("wi", "wisconsin"),
    ("wy", "wyoming"),
    ("as", "americansamoa"),
    ("gu", "guam"),
    ("mp", "northernmarianaislands"),
    ("pr", "puertorico"),
    ("vi", "virginislands"),
    ("aa", "armedforcesamericas"),
    ("ae", "armedforceseurope"),
    ("ap", "armedforcespacific"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_has_many_names() {
        for (text, code) in [
            ("US", "us"),
            ("usa", "us"),
            ("U.S.A.", "us"),
            ("United States", "us"),
            ("United States of America", "us"),
            ("UK", "gb"),
            ("Deu", "de"),
            ("Côte d'Ivoire", "ci"),
            ("Turkey", "tr"),
            ("Türkiye", "tr"),
            ("South Korea", "kr"),
        ] {
            assert_eq!(country(text), Some(code), "{text}");
        }
        assert_eq!(country("Atlantis"), None);
        assert_eq!(country("xx"), None);
        assert_eq!(country(""), None);
    }

    #[test]
    fn no_name_stands_for_two_countries() {
        let mut owners: HashMap<String, &str> = HashMap::new();
        for line in include_str!("countries.tsv").lines().filter(|line| !line.starts_with('#')) {
            let code = line.split('\t').next().unwrap();
            for name in line.split('\t') {
                let owner = owners.insert(latin_letters(name), code);
                assert!(owner.is_none_or(|owner| owner == code), "{name} stands for {owner:?} and {code}");
            }
        }
    }

    #[test]
    fn a_state_has_a_code_and_a_name() {
        assert_eq!(us_state("New York"), Some("ny"));
        assert_eq!(us_state("N.Y."), Some("ny"));
        assert_eq!(us_state("Bavaria"), None);
    }
}
