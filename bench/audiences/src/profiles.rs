//! Synthetic profiles: 40 fields, a tenth of whose values are missing. The same number is the same profile, everywhere.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;
use domain::schema::{Field, FieldType, Fields};
use domain::value::{Object, Value};
use jiff::{SignedDuration, Timestamp, civil};

/// A field's name, and what values it has.
pub const FIELDS: [(&str, Kind); 40] = [
    ("plan", Kind::Text(4)),
    ("country", Kind::Text(30)),
    ("region", Kind::Text(50)),
    ("city", Kind::Text(2000)),
    ("lifestyle", Kind::Text(8)),
    ("channel", Kind::Text(6)),
    ("device", Kind::Text(5)),
    ("system", Kind::Text(6)),
    ("browser", Kind::Text(8)),
    ("language", Kind::Text(12)),
    ("netWorthBand", Kind::Text(5)),
    ("occupation", Kind::Text(40)),
    ("carMake", Kind::Text(25)),
    ("interest", Kind::Text(60)),
    ("campaign", Kind::Text(200)),
    ("provider", Kind::Text(500)),
    ("age", Kind::Whole(95)),
    ("household", Kind::Whole(8)),
    ("purchases", Kind::Whole(60)),
    ("visits", Kind::Whole(500)),
    ("score", Kind::Whole(1000)),
    ("children", Kind::Whole(6)),
    ("tenure", Kind::Whole(240)),
    ("balance", Kind::Decimal(100_000)),
    ("propensity", Kind::Decimal(1)),
    ("averageOrder", Kind::Decimal(400)),
    ("discountRate", Kind::Decimal(1)),
    ("distance", Kind::Decimal(80)),
    ("homeOwner", Kind::Boolean),
    ("subscribed", Kind::Boolean),
    ("optIn", Kind::Boolean),
    ("recentMover", Kind::Boolean),
    ("petOwner", Kind::Boolean),
    ("loyal", Kind::Boolean),
    ("birthDate", Kind::Day(25_000)),
    ("contractEnd", Kind::Day(1_500)),
    ("warrantyEnd", Kind::Day(3_000)),
    ("lastSeen", Kind::Instant(200)),
    ("signedUpAt", Kind::Instant(2_000)),
    ("lastOrderAt", Kind::Instant(700)),
];

/// What values a field has: how many texts, numbers up to which, or how many days back from now.
#[derive(Clone, Copy)]
pub enum Kind {
    Text(u64),
    Whole(u64),
    Decimal(u64),
    Boolean,
    Day(u64),
    Instant(u64),
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text(_) => "string",
            Kind::Whole(_) => "integer",
            Kind::Decimal(_) => "double",
            Kind::Boolean => "boolean",
            Kind::Day(_) => "date",
            Kind::Instant(_) => "date-time",
        }
    }

    fn field_type(self) -> FieldType {
        match self {
            Kind::Text(_) => FieldType::String,
            Kind::Whole(_) => FieldType::Integer,
            Kind::Decimal(_) => FieldType::Double,
            Kind::Boolean => FieldType::Boolean,
            Kind::Day(_) => FieldType::Date,
            Kind::Instant(_) => FieldType::DateTime,
        }
    }
}

/// The instant of evaluation.
pub fn now() -> Timestamp {
    Timestamp::constant(1_782_820_800, 0)
}

/// A day, so many days before that of the evaluation.
pub fn day_before_now(days: u64) -> civil::Date {
    jiff::tz::Offset::UTC.to_datetime(instant_before_now(days, 0)).date()
}

/// An instant, so many days and seconds before the evaluation.
pub fn instant_before_now(days: u64, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(days * 86_400 + seconds).unwrap_or_default();
    now() - SignedDuration::from_secs(seconds)
}

/// The fields, as a schema has them.
pub fn schema() -> Fields {
    FIELDS.iter().map(|(name, kind)| ((*name).to_owned(), Field::of(kind.field_type()))).collect()
}

/// A profile's attributes.
pub fn profile(number: u64) -> Object {
    values(number).filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn values(number: u64) -> impl Iterator<Item = (&'static str, Option<Value>)> {
    let mut random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    FIELDS.iter().map(move |(name, kind)| {
        let is_missing = random.below(10) == 0;
        let value = kind.value(name, &mut random);
        (*name, (!is_missing).then_some(value))
    })
}

impl Kind {
    fn value(self, name: &str, random: &mut Random) -> Value {
        match self {
            // Some texts are far more frequent than others.
            Kind::Text(texts) => {
                let (first, second) = (random.below(texts), random.below(texts));
                Value::String(text(name, first * second / texts))
            }
            Kind::Whole(most) => Value::Integer(i64::try_from(random.below(most)).unwrap_or_default()),
            Kind::Decimal(most) => Value::Double(random.below(most * 1000) as f64 / 1000.0 + 0.0005),
            Kind::Boolean => Value::Boolean(random.below(3) == 0),
            Kind::Day(days) => Value::String(day_before_now(random.below(days)).to_string()),
            Kind::Instant(days) => {
                let instant = instant_before_now(random.below(days), random.below(86_400));
                Value::String(instant.to_string())
            }
        }
    }
}

/// A text that a field may have.
pub fn text(name: &str, number: u64) -> String {
    format!("{name} {number}")
}

/// Writes profiles for engines of other languages: empty is null.
pub fn write_csv(path: &Path, profiles: u64) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
    writeln!(file, "id,{}", names.join(","))?;
    for number in 0..profiles {
        write!(file, "{number}")?;
        for (_, value) in values(number) {
            match value {
                None => write!(file, ",")?,
                Some(Value::String(text)) => write!(file, ",{}", text.trim_end_matches('Z'))?,
                Some(Value::Integer(number)) => write!(file, ",{number}")?,
                Some(Value::Double(number)) => write!(file, ",{number}")?,
                Some(Value::Boolean(boolean)) => write!(file, ",{boolean}")?,
                Some(other) => anyhow::bail!("no field has {other:?}"),
            }
        }
        writeln!(file)?;
    }
    Ok(file.flush()?)
}

/// Numbers that look like chance (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
