//! The other way to write an expression: `pql/json`, the tree as JSON.
//!
//! What vendors publish of it are samples; this reads the node types that occur in them. A function whose name the grammar
//! has an operator for becomes that operator, and every other one a call on its first parameter.

use serde_json::{Map, Value as Json};

use crate::ast::{Aggregate, Generator, Literal, Node, NodeKind, Operator, Quantifier, Word};
use crate::error::Error;
use crate::functions::Function;
use crate::parse::MAX_NESTING;

type Result<T> = std::result::Result<T, Box<Error>>;

/// How a text calls the profile in the older form of the root.
const PROFILE: &str = "profile";

/// The tree that a document stands for. Its nodes have no place in a text.
pub(crate) fn tree(json: &Json) -> Result<Box<Node>> {
    Reader { depth: 0, variables: Vec::new() }.node(json)
}

struct Reader {
    depth: usize,
    /// Those that can be referred to, the innermost last.
    variables: Vec<String>,
}

impl Reader {
    fn node(&mut self, json: &Json) -> Result<Box<Node>> {
        if self.depth == MAX_NESTING {
            return Err(fault(format!("expression is nested more than {MAX_NESTING} levels deep")));
        }
        self.depth += 1;
        let node = self.kind(json).map(|kind| Box::new(Node::new(kind, 0..0)));
        self.depth -= 1;
        match node {
            Ok(node) if node.height > MAX_NESTING => {
                Err(fault(format!("expression is nested more than {MAX_NESTING} levels deep")))
            }
            node => node,
        }
    }

    fn kind(&mut self, json: &Json) -> Result<NodeKind> {
        let Json::Object(node) = json else {
            return Err(fault(format!("expected a node with a `nodeType`, found {}", type_of(json))));
        };
        match text(node, "nodeType")? {
            "literal" => literal(node),
            "fieldLookup" => self.lookup(node),
            "parameterReference" => parameter(node),
            "varRef" => self.variable(node),
            "fnApply" => self.apply(node),
            "function" | "fnCreate" | "lambda" => self.lambda(node),
            "select" | "set" => self.quantified(node, Quantifier::Select),
            "exists" => self.quantified(node, Quantifier::Exists),
            "forall" => self.quantified(node, Quantifier::ForAll),
            "quantification" => {
                let quantifier = match text(node, "quantifier")? {
                    "some" | "exists" => Quantifier::Exists,
                    "all" | "every" | "forall" => Quantifier::ForAll,
                    other => return Err(unknown("quantifier", other, &["some", "all"])),
                };
                self.quantified(node, quantifier)
            }
            other => {
                let known = [
                    "literal",
                    "fieldLookup",
                    "parameterReference",
                    "varRef",
                    "fnApply",
                    "function",
                    "select",
                    "quantification",
                ];
                Err(unknown("nodeType", other, &known))
            }
        }
    }

    /// A field of an object; without one, of what the condition around is about.
    fn lookup(&mut self, node: &Map<String, Json>) -> Result<NodeKind> {
        let field = text(node, "fieldName")?;
        let field = name(field.strip_prefix("xdm:").unwrap_or(field))?;
        Ok(match node.get("object") {
            None | Some(Json::Null) => NodeKind::Name(field),
            Some(object) => NodeKind::Member { of: self.node(object)?, name: word(field) },
        })
    }

    /// A variable; `this` is the item that a condition is about.
    fn variable(&self, node: &Map<String, Json>) -> Result<NodeKind> {
        let own = name(text(node, "varName")?)?;
        if own == "this" || self.variables.contains(&own) {
            return Ok(NodeKind::Name(own));
        }
        Err(Error::wrong_type(format!("no variable has the name `{own}`"), 0..0).into())
    }

    fn apply(&mut self, node: &Map<String, Json>) -> Result<NodeKind> {
        let function = text(node, "fnName")?;
        let parameters = node.get("params").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        if let Some(kind) = self.over_set(function, parameters)? {
            return Ok(kind);
        }
        let parameters = match node.get("params") {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(parameters)) => {
                parameters.iter().map(|json| Ok(*self.node(json)?)).collect::<Result<_>>()?
            }
            Some(other) => {
                return Err(fault(format!("expected `params` as an array, found {}", type_of(other))));
            }
        };
        applied(function, parameters)
    }

    /// A quantifier or an aggregate that is written as a function of a `set` of variables and of what is asked of them.
    fn over_set(&mut self, function: &str, parameters: &[Json]) -> Result<Option<NodeKind>> {
        let is_set = |json: &&Json| json.get("nodeType").and_then(Json::as_str) == Some("set");
        let set = parameters.iter().find(is_set).and_then(Json::as_object);
        let asked = parameters.iter().find(|json| !is_set(json));
        let quantifier = Quantifier::ALL.into_iter().find(|each| each.name() == function);
        let aggregate = Aggregate::ALL.into_iter().find(|each| each.name() == function);
        let outer = self.variables.len();
        let kind = match (set, quantifier, aggregate, asked) {
            (Some(set), Some(quantifier), _, asked) => {
                let mut generators = self.generators(set)?;
                self.narrow(&mut generators, asked)?;
                Some(NodeKind::Quantified { quantifier, generators })
            }
            (Some(set), None, Some(aggregate), Some(item)) => {
                let generators = self.generators(set)?;
                Some(NodeKind::Aggregate { aggregate, item: self.node(item)?, generators })
            }
            _ => None,
        };
        self.variables.truncate(outer);
        Ok(kind)
    }

    fn lambda(&mut self, node: &Map<String, Json>) -> Result<NodeKind> {
        // The form with a wrapper, that whose wrapper is the body itself, and that without.
        let (inner, body) = match node.get("fnCreate") {
            Some(created @ Json::Object(body))
                if body.contains_key("nodeType") && !body.contains_key("body") =>
            {
                (node, created)
            }
            Some(Json::Object(inner)) => (inner, member(inner, "body")?),
            _ => (node, member(node, "body")?),
        };
        let parameters = inner.get("params").or_else(|| inner.get("parameters"));
        let parameters = parameters.and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let parameters = parameters.iter().map(|parameter| match parameter {
            Json::String(own) => Ok(word(name(own)?)),
            Json::Object(declared) => Ok(word(name(text(declared, "varName")?)?)),
            other => Err(fault(format!("expected the name of a parameter, found {}", type_of(other)))),
        });
        let parameters: Vec<Word> = parameters.collect::<Result<_>>()?;
        let outer = self.variables.len();
        self.variables.extend(parameters.iter().map(|parameter| parameter.text.clone()));
        let body = self.node(body)?;
        self.variables.truncate(outer);
        // What takes no parameter is about the item without a name for it.
        if parameters.is_empty() { Ok(body.kind) } else { Ok(NodeKind::Lambda { parameters, body }) }
    }

    fn quantified(&mut self, node: &Map<String, Json>, quantifier: Quantifier) -> Result<NodeKind> {
        let outer = self.variables.len();
        let mut generators = self.generators(node)?;
        self.narrow(&mut generators, node.get("where").or_else(|| node.get("condition")))?;
        self.variables.truncate(outer);
        Ok(NodeKind::Quantified { quantifier, generators })
    }

    /// The variables of a node, which can be referred to from here on.
    fn generators(&mut self, node: &Map<String, Json>) -> Result<Vec<Generator>> {
        let variables = match member(node, "variables")? {
            Json::Array(variables) => variables.iter().collect(),
            // A container of its own.
            Json::Object(set) => match set.get("variables") {
                Some(Json::Array(variables)) => variables.iter().collect(),
                _ => vec![member(node, "variables")?],
            },
            other => {
                return Err(fault(format!("expected `variables` as an array, found {}", type_of(other))));
            }
        };
        if variables.is_empty() {
            return Err(fault("expected at least one variable"));
        }
        variables.into_iter().map(|variable| self.generator(variable)).collect()
    }

    /// Adds a condition on all variables to that on the last one, which sees the others.
    fn narrow(&mut self, generators: &mut [Generator], condition: Option<&Json>) -> Result<()> {
        if let (Some(last), Some(condition)) = (generators.last_mut(), condition) {
            let condition = self.node(condition)?;
            last.condition = Some(match last.condition.take() {
                Some(own) => Box::new(Node::new(NodeKind::And(vec![*own, *condition]), 0..0)),
                None => condition,
            });
        }
        Ok(())
    }

    fn generator(&mut self, variable: &Json) -> Result<Generator> {
        let Json::Object(variable) = variable else {
            return Err(fault(format!("expected a `varDecl`, found {}", type_of(variable))));
        };
        let range = match variable.get("from") {
            Some(range) => range,
            None => member(variable, "range")?,
        };
        let own = name(text(variable, "varName")?)?;
        let range = self.node(range)?;
        self.variables.push(own.clone());
        let condition = variable.get("where").map(|condition| self.node(condition)).transpose()?;
        Ok(Generator { variable: word(own), range, condition })
    }
}

/// A function with its parameters, as the grammar would have it.
fn applied(function: &str, mut parameters: Vec<Node>) -> Result<NodeKind> {
    let takes = |count: usize, parameters: &[Node]| {
        if parameters.len() == count {
            return Ok(());
        }
        let noun = if count == 1 { "parameter" } else { "parameters" };
        Err(fault(format!("`{function}` takes {count} {noun}, found {}", parameters.len())))
    };
    match function {
        "and" | "or" => {
            if parameters.len() < 2 {
                // One operand alone stands for itself, in boolean position: twice, which means the same.
                takes(1, &parameters)?;
                let twice = parameters.clone();
                parameters.extend(twice);
            }
            return Ok(if function == "and" { NodeKind::And(parameters) } else { NodeKind::Or(parameters) });
        }
        "not" | "!" => {
            takes(1, &parameters)?;
            return Ok(parameters.pop().map_or(NodeKind::List(Vec::new()), |of| NodeKind::Not(Box::new(of))));
        }
        "-" if parameters.len() == 1 => {
            return Ok(parameters
                .pop()
                .map_or(NodeKind::List(Vec::new()), |of| NodeKind::Negate(Box::new(of))));
        }
        _ => {}
    }
    let operators = Operator::COMPARISONS.iter().chain(&Operator::SUMS).chain(&Operator::PRODUCTS);
    let written = if function == "==" { "=" } else { function };
    if let Some(operator) = operators.into_iter().find(|operator| operator.symbol() == written) {
        takes(2, &parameters)?;
        let (right, left) = (parameters.pop(), parameters.pop());
        return match (left, right) {
            (Some(left), Some(right)) => {
                Ok(NodeKind::Binary { operator: *operator, left: Box::new(left), right: Box::new(right) })
            }
            _ => takes(2, &[]).map(|()| NodeKind::List(Vec::new())),
        };
    }
    let is_method = Function::named(function).is_none_or(|known| known.is_method);
    let has_receiver = is_method && !parameters.is_empty();
    let receiver = has_receiver.then(|| Box::new(parameters.remove(0)));
    Ok(NodeKind::Call { receiver, function: word(name(function)?), arguments: parameters })
}

fn literal(node: &Map<String, Json>) -> Result<NodeKind> {
    let kind = node.get("literalType").and_then(Json::as_str).unwrap_or_default();
    let value = member(node, "value")?;
    if kind.eq_ignore_ascii_case("XDMObject") && value.as_str() == Some(PROFILE) {
        return Ok(NodeKind::Parameter(1));
    }
    if let Json::Array(items) = value {
        let items = items.iter().map(|item| match item {
            Json::Object(node) => Ok(Node::new(literal(node)?, 0..0)),
            plain => Ok(Node::new(NodeKind::Literal(plain_literal("", plain)?), 0..0)),
        });
        return Ok(NodeKind::List(items.collect::<Result<_>>()?));
    }
    plain_literal(kind, value).map(NodeKind::Literal)
}

/// A value, and the type that it is said to have: numbers and booleans may be written as strings.
fn plain_literal(kind: &str, value: &Json) -> Result<Literal> {
    let wrong = || fault(format!("literal of type `{kind}` has {} as its value", type_of(value)));
    match (kind.to_ascii_lowercase().as_str(), value) {
        (
            "integer" | "int" | "long" | "short" | "byte" | "number" | "double" | "float" | "decimal",
            Json::String(text),
        ) => {
            let whole = text.parse().map(Literal::Integer).ok();
            let double = || text.parse().ok().filter(|number: &f64| number.is_finite()).map(Literal::Double);
            whole.or_else(double).ok_or_else(wrong)
        }
        ("boolean" | "bool", Json::String(text)) => text.parse().map(Literal::Boolean).map_err(|_| wrong()),
        (_, Json::String(text)) => Ok(Literal::Text(text.clone())),
        (_, Json::Bool(boolean)) => Ok(Literal::Boolean(*boolean)),
        (_, Json::Number(number)) => {
            let whole = number.as_i64().map(Literal::Integer);
            whole.or_else(|| number.as_f64().map(Literal::Double)).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

fn parameter(node: &Map<String, Json>) -> Result<NodeKind> {
    let position = member(node, "position")?;
    let number = position.as_u64().or_else(|| position.as_str()?.parse().ok());
    let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
    number.map(NodeKind::Parameter).ok_or_else(|| fault("expected `position` as a number from 1 on"))
}

fn member<'a>(node: &'a Map<String, Json>, key: &str) -> Result<&'a Json> {
    node.get(key).ok_or_else(|| fault(format!("expected `{key}` in a node")))
}

fn text<'a>(node: &'a Map<String, Json>, key: &str) -> Result<&'a str> {
    let value = member(node, key)?;
    value.as_str().ok_or_else(|| fault(format!("expected `{key}` as a string, found {}", type_of(value))))
}

/// A name that the text form could have, so that what is read can be printed.
fn name(text: &str) -> Result<String> {
    let is_name = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|each| each.is_ascii_alphanumeric() || each == '_');
    if is_name { Ok(text.to_owned()) } else { Err(fault(format!("`{}` is no name", text.escape_debug()))) }
}

fn word(text: String) -> Word {
    Word { text, span: 0..0 }
}

fn unknown(what: &str, found: &str, known: &[&str]) -> Box<Error> {
    let error = Error::parse(format!("unknown `{what}` `{}`", found.escape_debug()), 0..0);
    match crate::check::nearest(found, known.iter().copied()) {
        Some(known) => error.help(format!("did you mean `{known}`?")).into(),
        None => error.into(),
    }
}

fn fault(message: impl Into<String>) -> Box<Error> {
    Error::parse(message, 0..0).into()
}

fn type_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}
