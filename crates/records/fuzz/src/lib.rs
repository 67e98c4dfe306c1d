//! What the fuzz targets assert of any bytes. The crate's tests include this file and run it over seeds.

use std::path::Path;
use std::sync::LazyLock;

use domain::catalogue::Catalogue;
use domain::value;
use project::{Fault, Plugins, Project};
use records::Reader;

struct AnyPlugin;

impl Plugins for AnyPlugin {
    fn names(&self) -> Vec<&str> {
        vec!["adobe-target", "facebook", "s3-file"]
    }

    fn faults(&self, _: &str, _: &serde_json::Value, _: &[&str]) -> Vec<Fault> {
        Vec::new()
    }
}

static BANK: LazyLock<Catalogue> = LazyLock::new(|| {
    let example =
        |folder: &Path| Some(folder.join("examples/securfinancial")).filter(|example| example.is_dir());
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find_map(example).expect("the example is there");
    let project = Project::load(&folder, &AnyPlugin).expect("the example is sound");
    project.compile(None, "2026-11-22".parse().expect("a day")).expect("it compiles").catalogue
});

/// A partner's file: whatever it is, every row is taken or set aside with a reason, in the order of the file, and what is
/// taken fits the schema. Answers how many rows were taken.
pub fn csv(bytes: &[u8]) -> usize {
    let mut taken = 0;
    for dataset in BANK.datasets.values() {
        let schema = BANK.schemas.get(&dataset.schema).expect("a schema of the catalogue");
        let Some(files) = dataset.files() else { continue };
        // With a header that the dataset knows rows are reached sooner.
        let known: Vec<&str> = files.columns.keys().chain(&files.row_time).map(String::as_str).collect();
        let with_header = [known.join(",").as_bytes(), b"\n", bytes].concat();
        for file in [bytes, &with_header] {
            let Ok(reader) = Reader::new(file, dataset, schema) else { continue };
            let (mut rows, mut last) = (0, 0);
            for row in reader {
                let row = row.expect("bytes in memory can be read");
                rows += 1;
                let line = match &row {
                    Ok(row) => row.line,
                    Err(rejected) => rejected.line,
                };
                // A carriage return by itself ends a record and no line.
                assert!(line >= last, "line {line} after line {last}");
                last = line;
                let Ok(row) = row else { continue };
                taken += 1;
                for (path, found) in value::leaves(&row.attributes) {
                    let field = schema.field(&path).expect("a field of the schema");
                    assert!(field.check(found).is_ok(), "`{path}` does not fit");
                }
            }
            assert!(rows <= file.len(), "more rows than bytes");
        }
    }
    taken
}
