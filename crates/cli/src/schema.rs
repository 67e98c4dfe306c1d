//! `tributary schema`: what schemas say, those of a project and XDM documents as they are published.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use domain::name::SchemaName;
use domain::schema::Class;
use project::{Described, Documents};

use crate::folder;
use crate::terminal::{self, Format, GREEN, YELLOW, count, print, println};

mod tree;

use tree::Shown;

/// Schemas: fields with types, labels, identities and rules
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Show(ShowArgs),
    Import(ImportArgs),
}

/// Show a schema as a tree, with types, labels, identities and rules
///
/// It is a schema of a project, by its name; a field group that comes with the product, as `tributary/demographics`; or
/// an XDM document, by its file. What a document refers to is looked for by `$id` in its own folder, and below it, and
/// in those that `--with` names. Descriptors and labels are taken from `<name>.descriptors.json` and
/// `<name>.labels.json` beside it.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary schema show customer examples/securfinancial
  tributary schema show profile-person-details.schema.json --with ../xdm
  tributary schema show tributary/demographics --format json

Exit codes: 0 shown; 1 the project or the document has errors, which are shown; 2 it cannot be read.")]
pub(crate) struct ShowArgs {
    /// The schema's name, a field group, or a file (`.json`, `.yaml`)
    schema: String,
    /// The project's folder, for a schema by its name
    #[arg(default_value = ".")]
    folder: PathBuf,
    #[command(flatten)]
    beside: Beside,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Write an XDM document as YAML into a project
///
/// The document, and what it refers to, become one file, `schemas/<name>.yaml`, which says the same in a shorter form.
/// Documents need not be imported: put into `schemas/` as they are, they are schemas too.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary schema import loyalty.schema.json my-project --with ../xdm
  tributary schema import loyalty.schema.json --class profile --descriptors ours.json --print

Exit codes: 0 written; 1 the document has errors, which are shown; 2 it cannot be read, or there is such a schema.")]
pub(crate) struct ImportArgs {
    /// The document's file
    document: PathBuf,
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The schema's name in the project; without it, the name of the file
    #[arg(long)]
    name: Option<SchemaName>,
    /// What the records are, where the document extends no class
    #[arg(long, value_enum)]
    class: Option<ClassName>,
    #[command(flatten)]
    beside: Beside,
    /// Print the YAML instead of writing it
    #[arg(long, conflicts_with = "replace")]
    print: bool,
    /// Replace a schema that is there
    #[arg(long)]
    replace: bool,
}

/// What documents need besides themselves.
#[derive(Debug, clap::Args)]
struct Beside {
    /// A folder with documents that the document refers to
    #[arg(long = "with", value_name = "FOLDER")]
    with: Vec<PathBuf>,
    /// Descriptors of the document, if not beside it
    #[arg(long, value_name = "FILE")]
    descriptors: Option<PathBuf>,
    /// Labels of the document, if not beside it
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum ClassName {
    Profile,
    ExperienceEvent,
}

impl From<ClassName> for Class {
    fn from(name: ClassName) -> Class {
        match name {
            ClassName::Profile => Class::Profile,
            ClassName::ExperienceEvent => Class::ExperienceEvent,
        }
    }
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Show(args) => show(args),
        Command::Import(args) => import(args),
    }
}

fn show(args: &ShowArgs) -> Result<ExitCode> {
    let file = Path::new(&args.schema);
    let described = match file.extension().and_then(|extension| extension.to_str()) {
        Some("json") => document(file, &args.beside)?,
        Some("yaml") => Described::of_yaml(&args.schema, &read(file)?)?,
        _ if args.schema.starts_with("tributary/") => of_product(&args.schema)?,
        _ => of_project(&args.schema, &args.folder)?,
    };
    let shown = Shown::of(&described);
    match args.format {
        Format::Json => terminal::print_json(&shown)?,
        Format::Text => {
            warn(&described);
            print!("{}", shown.text());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn of_product(name: &str) -> Result<Described> {
    project::field_group(name).with_context(|| {
        let names: Vec<String> = project::field_groups().map(|name| format!("`{name}`")).collect();
        format!("there is no field group `{name}`: expected one of {}", names.join(", "))
    })
}

fn of_project(name: &str, folder: &Path) -> Result<Described> {
    let known = folder::load(folder)?;
    let catalogue = folder::catalogue(&known)?;
    let found = name.parse::<SchemaName>().ok().and_then(|name| catalogue.schemas.get(&name).cloned());
    let Some(schema) = found else {
        let names: Vec<String> = catalogue.schemas.keys().map(|name| format!("`{name}`")).collect();
        bail!("there is no schema `{name}` in `{}`: expected one of {}", folder.display(), names.join(", "));
    };
    Ok(schema.into())
}

fn import(args: &ImportArgs) -> Result<ExitCode> {
    let described = document(&args.document, &args.beside)?;
    let Some(class) = args.class.map(Class::from).or(described.class) else {
        bail!(
            "`{}` extends no class that is known here: say what its records are, with `--class profile` or `--class experience_event`",
            args.document.display()
        );
    };
    warn(&described);
    let yaml = described.to_yaml(class);
    if args.print {
        print!("{yaml}");
        return Ok(ExitCode::SUCCESS);
    }
    let name = match &args.name {
        Some(name) => name.clone(),
        None => name_of(&args.document)?,
    };
    ensure!(
        args.folder.join("project.yaml").is_file(),
        "`{}` is no project, it has no `project.yaml`: name the folder that has one, or use `--print`",
        args.folder.display()
    );
    let file = args.folder.join("schemas").join(format!("{name}.yaml"));
    ensure!(
        args.replace || !file.exists(),
        "`{}` is there already: choose another name with `--name`, or replace it with `--replace`",
        file.display()
    );
    for document in [format!("{name}.json"), format!("{name}.schema.json")] {
        let document = args.folder.join("schemas").join(document);
        ensure!(
            !document.exists(),
            "`{}` is a schema of this name already, as it stands: choose another name with `--name`, or use `--print`",
            document.display()
        );
    }
    fs::create_dir_all(args.folder.join("schemas"))
        .and_then(|()| fs::write(&file, yaml))
        .with_context(|| format!("`{}` cannot be written", file.display()))?;
    let fields = domain::schema::leaves(&described.fields);
    println!("{GREEN}written{GREEN:#}: {}, {}", file.display(), count(fields.len(), "field"));
    if class == Class::Profile && !fields.iter().any(|(_, field)| field.identity.is_some()) {
        println!(
            "no field is an identity yet: mark the primary one with `identity: {{namespace: ..., primary: true}}`"
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The name of a file, as far as it can be a schema's.
fn name_of(document: &Path) -> Result<SchemaName> {
    let file = document.file_name().unwrap_or_default().to_string_lossy();
    let stem = file.strip_suffix(".json").unwrap_or(&file);
    let stem = stem.strip_suffix(".schema").unwrap_or(stem);
    stem.parse().with_context(|| "choose a name with `--name`".to_owned())
}

fn warn(described: &Described) {
    for warning in &described.warnings {
        terminal::print_problem("warning", YELLOW, warning);
    }
}

/// Reads a document with all that may belong to it.
fn document(file: &Path, beside: &Beside) -> Result<Described> {
    ensure!(file.is_file(), "`{}` is no file: expected an XDM document", file.display());
    let shown = |path: &Path| path.display().to_string().replace('\\', "/");
    let name = shown(file);
    let mut documents = Documents::default();
    documents.add(&name, &read(file)?)?;
    let own = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut seen = BTreeSet::from([file.canonicalize()?]);
    for folder in std::iter::once(own).chain(beside.with.iter().map(PathBuf::as_path)) {
        ensure!(folder.is_dir(), "`{}` is no folder: expected one with XDM documents", folder.display());
        add_below(folder, 0, &mut seen, &mut documents)?;
    }
    let stem = name.strip_suffix(".json").unwrap_or(&name);
    let stem = stem.strip_suffix(".schema").unwrap_or(stem);
    for (kind, given) in [("descriptors", &beside.descriptors), ("labels", &beside.labels)] {
        let usual = PathBuf::from(format!("{stem}.{kind}.json"));
        let wanted = given.clone().or_else(|| usual.is_file().then_some(usual));
        if let Some(wanted) = wanted {
            documents.add_beside(&name, &shown(&wanted), &read(&wanted)?)?;
        }
    }
    Ok(documents.describe(&name)?)
}

/// How deep folders are looked into for documents.
const DEEPEST: usize = 8;

/// Adds every document of a folder that can be read: what is wrong with others is nobody's business here.
fn add_below(
    folder: &Path,
    depth: usize,
    seen: &mut BTreeSet<PathBuf>,
    documents: &mut Documents,
) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("`{}` cannot be read", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // What stands beside the document is looked for by its name, and what stands beside others is not looked at.
        let is_beside = [".descriptors.json", ".labels.json"].iter().any(|ending| name.ends_with(ending));
        if name.starts_with('.') || is_beside {
            continue;
        }
        if path.is_dir() && depth < DEEPEST {
            add_below(&path, depth + 1, seen, documents)?;
        } else if name.ends_with(".json") && path.is_file() && seen.insert(path.canonicalize()?) {
            drop(fs::read_to_string(&path).map(|text| documents.add(&path.display().to_string(), &text)));
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))
}
