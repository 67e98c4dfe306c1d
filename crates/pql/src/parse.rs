//! Tokens to syntax tree: one function for each rule of the grammar.
//!
//! ```text
//! expression = lambda | or
//! let        = "let" name "=" sum "in" expression
//! lambda     = "(" name {"," name} ")" "=>" expression
//! or         = and {"or" and}
//! and        = not {"and" not}
//! not        = ("not" | "!") not | comparison
//! comparison = sum [operator sum | ("in" | "notIn") (sum | "(" expression {"," expression} ")") | "occurs" window]
//! sum        = product {("+" | "-") product}
//! product    = unary {("*" | "/" | "%") unary}
//! unary      = "-" unary | postfix
//! postfix    = primary {"." name ["(" [expressions] ")"] | "[" expression "]"}
//! primary    = literal | name | "$1" | name "(" [expressions] ")" | "(" expression ")" | "[" [expressions] "]"
//!            | "{" [string ":" expression {"," ...}] "}" | "^" {"^"} ["."] name | let | quantified | aggregate | chain
//! quantified = ("select" | "exists" | "forall") generators
//! aggregate  = ("sum" | "average" | "min" | "max") expression "over" generators
//! generators = name "from" sum [("where" | ":") expression] {"," name "from" ...}
//! chain      = ("CHAIN" | "chain") "(" expression "," expression "," "[" step {"," step} "]" ")"
//! step       = name ":" "WHAT" "(" expression ")" {"WHEN" "(" window ")" | "WHERE" "(" expression ")" | "COUNT" "(" integer ")"}
//! window     = ["on"] time | side time | [operator] integer unit side time | "between" time "and" time
//! side       = "before" | "after" | "from"
//! time       = "now" | "today" | "yesterday" | "tomorrow" | ("this" | "last" | "next") unit | sum
//! ```

use crate::ast::{Aggregate, Generator, Literal, Node, NodeKind, Operator, Quantifier, Step, When, Word};
use crate::calendar::Unit;
use crate::error::{Error, Span};
use crate::token::{Spanned, Token, tokens};
use crate::window::{Relation, Side, Time, Window};

/// The most bytes that an expression may have.
pub(crate) const MAX_LENGTH: usize = 64 * 1024;

/// The most levels that a syntax tree may have. Whoever walks a tree can recurse.
pub(crate) const MAX_NESTING: usize = 64;

/// How deep rules may call each other: parentheses need no node of their own, and may be as many again.
const MAX_RECURSION: usize = 2 * MAX_NESTING;

/// Words that are fields only in a path: `last.value` and `person.name.last`, but not `last`.
pub(crate) const TIME_WORDS: [&str; 32] = [
    "now",
    "today",
    "yesterday",
    "tomorrow",
    "this",
    "last",
    "next",
    "before",
    "after",
    "from",
    "millisecond",
    "milliseconds",
    "second",
    "seconds",
    "minute",
    "minutes",
    "hour",
    "hours",
    "day",
    "days",
    "week",
    "weeks",
    "month",
    "months",
    "year",
    "years",
    "decade",
    "decades",
    "century",
    "centuries",
    "millennium",
    "millennia",
];

/// Words that are fields only after a dot.
pub(crate) const KEYWORDS: [&str; 16] = [
    "and", "or", "not", "in", "notIn", "like", "matches", "occurs", "let", "select", "exists", "forall",
    "where", "over", "true", "false",
];

/// Nodes and errors are boxed, so that the frames of the rules, which recurse, stay small.
type Result<T> = std::result::Result<T, Box<Error>>;

/// The syntax tree of a whole text.
pub(crate) fn tree(text: &str) -> Result<Box<Node>> {
    if text.len() > MAX_LENGTH {
        return Err(Error::parse(
            format!("expression has {} bytes, and at most {MAX_LENGTH} are allowed", text.len()),
            0..text.len(),
        )
        .help("split the audience into several and join them with `inSegment`")
        .into());
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, position: 0, list_at: None, in_step: false, recursion: 0 };
    let tree = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(tree),
        next => {
            let error = parser.expected("an operator or the end of the expression");
            let is_meant = |word: &str, known: &str| word != known && word.eq_ignore_ascii_case(known);
            let meant = |known: &&&str| matches!(next, Token::Word(word) if is_meant(word, known));
            Err(match KEYWORDS.iter().find(meant) {
                Some(known) => error.help(format!("keywords are in lower case: `{known}`")).into(),
                None => error,
            })
        }
    }
}

/// The tokens, and how far they are read.
///
/// INVARIANT: the tokens end with [`Token::End`], which is never consumed.
struct Parser<'a> {
    tokens: &'a [Spanned<'a>],
    position: usize,
    /// Where a parenthesis may open a list: directly after `in`.
    list_at: Option<usize>,
    /// Whether names are fields of events.
    in_step: bool,
    recursion: usize,
}

impl<'a> Parser<'a> {
    fn expression(&mut self) -> Result<Box<Node>> {
        self.deeper(|parser| if parser.at_lambda() { parser.lambda() } else { parser.or() })
    }

    fn lambda(&mut self) -> Result<Box<Node>> {
        let start = self.start();
        self.expect("(")?;
        let mut parameters = vec![self.name()?];
        while self.accept(",") {
            parameters.push(self.name()?);
        }
        self.expect(")")?;
        self.expect("=>")?;
        let body = self.expression()?;
        self.node(NodeKind::Lambda { parameters, body }, start)
    }

    fn or(&mut self) -> Result<Box<Node>> {
        self.joined("or", Parser::and, NodeKind::Or)
    }

    fn and(&mut self) -> Result<Box<Node>> {
        self.joined("and", Parser::not, NodeKind::And)
    }

    /// One operand or more, joined by a keyword.
    fn joined(
        &mut self,
        keyword: &str,
        operand: fn(&mut Self) -> Result<Box<Node>>,
        join: fn(Vec<Node>) -> NodeKind,
    ) -> Result<Box<Node>> {
        let start = self.start();
        let first = operand(self)?;
        if *self.peek() != Token::Word(keyword) {
            return Ok(first);
        }
        let mut operands = vec![*first];
        while self.accept_word(keyword) {
            operands.push(*operand(self)?);
        }
        self.node(join(operands), start)
    }

    fn not(&mut self) -> Result<Box<Node>> {
        let start = self.start();
        if !self.accept_word("not") && !self.accept("!") {
            return self.comparison();
        }
        let operand = self.deeper(Parser::not)?;
        self.node(NodeKind::Not(operand), start)
    }

    fn comparison(&mut self) -> Result<Box<Node>> {
        let start = self.start();
        let left = self.sum()?;
        let (symbol, kind) = if self.accept_word("occurs") {
            ("occurs", NodeKind::Occurs { instant: left, window: self.window()? })
        } else if let Some(operator) = self.accept_operator(&Operator::COMPARISONS) {
            let right = match operator {
                Operator::In | Operator::NotIn => self.members()?,
                _ => self.sum()?,
            };
            (operator.symbol(), NodeKind::Binary { operator, left, right })
        } else {
            return Ok(left);
        };
        self.refuse_second_comparison(symbol)?;
        self.node(kind, start)
    }

    fn refuse_second_comparison(&self, first: &str) -> Result<()> {
        let second = match self.operator(&Operator::COMPARISONS) {
            Some(second) => second.symbol(),
            None if *self.peek() == Token::Word("occurs") => "occurs",
            None => return Ok(()),
        };
        let message = format!("`{second}` follows `{first}`, and comparisons do not chain");
        let error = Error::parse(message, self.span());
        Err(error.help("join two comparisons with `and`, or put one in parentheses").into())
    }

    /// What follows `in`: an array, or a list in parentheses.
    fn members(&mut self) -> Result<Box<Node>> {
        self.list_at = Some(self.position);
        self.sum()
    }

    fn sum(&mut self) -> Result<Box<Node>> {
        self.left_associative(&Operator::SUMS, Parser::product)
    }

    fn product(&mut self) -> Result<Box<Node>> {
        self.left_associative(&Operator::PRODUCTS, Parser::unary)
    }

    fn left_associative(
        &mut self,
        operators: &[Operator],
        operand: fn(&mut Self) -> Result<Box<Node>>,
    ) -> Result<Box<Node>> {
        let start = self.start();
        let mut left = operand(self)?;
        while let Some(operator) = self.accept_operator(operators) {
            let right = operand(self)?;
            left = self.node(NodeKind::Binary { operator, left, right }, start)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Box<Node>> {
        let start = self.start();
        if self.at_signed_number() || !self.accept("-") {
            return self.postfix();
        }
        let operand = self.deeper(Parser::unary)?;
        self.node(NodeKind::Negate(operand), start)
    }

    fn postfix(&mut self) -> Result<Box<Node>> {
        let start = self.start();
        let mut node = self.primary()?;
        loop {
            if self.accept("[") {
                let condition = self.expression()?;
                self.expect("]")?;
                node = self.node(NodeKind::Filter { of: node, condition }, start)?;
                continue;
            }
            if !self.accept(".") {
                return Ok(node);
            }
            let name = self.name()?;
            let kind = if *self.peek() == Token::Mark("(") {
                let arguments = self.arguments()?;
                NodeKind::Call { receiver: Some(node), function: name, arguments }
            } else {
                NodeKind::Member { of: node, name }
            };
            node = self.node(kind, start)?;
        }
    }

    fn primary(&mut self) -> Result<Box<Node>> {
        let start = self.start();
        let kind = match self.peek() {
            &Token::Word(word) => return self.word(word),
            Token::Mark("(") => return self.parenthesised(),
            Token::Mark("[") => {
                self.advance();
                NodeKind::List(self.list_until("]")?)
            }
            Token::Mark("+" | "-") if self.at_signed_number() => {
                let negative = self.accept("-") || !self.accept("+");
                NodeKind::Literal(self.number(negative, start)?)
            }
            Token::Integer(_) | Token::Double(_) => NodeKind::Literal(self.number(false, start)?),
            Token::Text(text) => {
                self.advance();
                NodeKind::Literal(Literal::Text(text.clone()))
            }
            Token::Parameter(position) => {
                self.advance();
                NodeKind::Parameter(*position)
            }
            Token::Mark("^") => self.up()?,
            Token::Mark("{") => self.object()?,
            _ => return Err(self.expected("a field, a value, a function or `(`")),
        };
        self.node(kind, start)
    }

    /// An expression in parentheses, which are part of its span; after `in`, also a list.
    fn parenthesised(&mut self) -> Result<Box<Node>> {
        let start = self.start();
        let may_be_list = self.list_at == Some(self.position);
        self.expect("(")?;
        let mut first = self.expression()?;
        if may_be_list && (*self.peek() == Token::Mark(",") || matches!(first.kind, NodeKind::Literal(_))) {
            let mut items = vec![*first];
            while self.accept(",") {
                items.push(*self.expression()?);
            }
            self.expect(")")?;
            return self.node(NodeKind::List(items), start);
        }
        self.expect(")")?;
        first.span = start..self.end();
        Ok(first)
    }

    /// A primary that begins with a word.
    fn word(&mut self, word: &'a str) -> Result<Box<Node>> {
        let start = self.start();
        let kind = match (word, self.peek_second()) {
            ("true" | "false", _) => {
                self.advance();
                NodeKind::Literal(Literal::Boolean(word == "true"))
            }
            ("let", _) => self.binding()?,
            ("CHAIN" | "chain", Token::Mark("(")) => self.chain()?,
            ("select" | "exists" | "forall", _) => self.quantified(word)?,
            ("sum" | "average" | "min" | "max", _) if self.at_aggregate() => self.aggregate(word)?,
            // The item that a condition is about.
            ("this", next) if !is_unit(next) => {
                self.advance();
                NodeKind::Name(word.to_owned())
            }
            ("not", _) => {
                let error = Error::parse("`not` stands where a value is expected", self.span());
                return Err(error.help("put `not` and its operand in parentheses").into());
            }
            _ if KEYWORDS.contains(&word) => {
                let error = *self.expected("a field, a value, a function or `(`");
                return Err(self.help_with_field(error, word).into());
            }
            (_, next) if TIME_WORDS.contains(&word) && *next != Token::Mark(".") => {
                return Err(self.reserved(word).into());
            }
            ("NOT", Token::Mark("(")) => {
                let error = Error::parse("no function has the name `NOT`", self.span());
                return Err(error.help("keywords are in lower case: `not`").into());
            }
            (_, Token::Mark("(")) => {
                let function = self.name()?;
                NodeKind::Call { receiver: None, function, arguments: self.arguments()? }
            }
            _ => NodeKind::Name(self.name()?.text),
        };
        self.node(kind, start)
    }

    /// A word of time where a value is expected.
    fn reserved(&self, word: &str) -> Error {
        let error = Error::parse(format!("`{word}` is a reserved word"), self.span());
        match word {
            "now" | "today" | "yesterday" | "tomorrow" | "this" | "last" | "next" => {
                error.help("a time follows `occurs`, as in `birthDate occurs before today`")
            }
            _ => self.help_with_field(error, word),
        }
    }

    /// Says how a field is written whose name is a word of the language.
    fn help_with_field(&self, error: Error, word: &str) -> Error {
        if self.in_step {
            error
        } else {
            error.help(format!("a field of the name `{word}` is written `$1.{word}`"))
        }
    }

    /// `let name = value in body`. What follows belongs to the body.
    fn binding(&mut self) -> Result<NodeKind> {
        self.advance();
        let name = self.name()?;
        self.expect("=")?;
        let value = self.sum()?;
        if !self.accept_word("in") {
            let error = *self.expected("`in`");
            let help = "put a value of several operands in parentheses: `let x = (a > 1) in ...`";
            return Err(error.help(help).into());
        }
        Ok(NodeKind::Let { name, value, body: self.expression()? })
    }

    fn object(&mut self) -> Result<NodeKind> {
        self.advance();
        let mut members = Vec::new();
        if self.accept("}") {
            return Ok(NodeKind::Object(members));
        }
        loop {
            let Token::Text(key) = self.peek() else { return Err(self.expected("a key in quotes")) };
            self.advance();
            self.expect(":")?;
            members.push((key.clone(), *self.expression()?));
            if self.accept("}") {
                return Ok(NodeKind::Object(members));
            }
            if !self.accept(",") {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    fn quantified(&mut self, word: &str) -> Result<NodeKind> {
        let among = Quantifier::ALL.into_iter().find(|quantifier| quantifier.name() == word);
        let quantifier = among.unwrap_or(Quantifier::Select);
        self.advance();
        Ok(NodeKind::Quantified { quantifier, generators: self.generators()? })
    }

    fn aggregate(&mut self, word: &str) -> Result<NodeKind> {
        let among = Aggregate::ALL.into_iter().find(|aggregate| aggregate.name() == word);
        let aggregate = among.unwrap_or(Aggregate::Sum);
        self.advance();
        let item = self.expression()?;
        if !self.accept_word("over") {
            let error = *self.expected("`over`");
            let help = format!("write `{word} x.price over x from orders`");
            return Err(error.help(help).into());
        }
        Ok(NodeKind::Aggregate { aggregate, item, generators: self.generators()? })
    }

    /// Whether an aggregate of the prefix form begins here, and no field or function of its name.
    fn at_aggregate(&self) -> bool {
        match self.peek_second() {
            Token::Word("over") => false,
            Token::Word(word) => !KEYWORDS.contains(word) || *word == "let",
            Token::Integer(_) | Token::Double(_) | Token::Parameter(_) | Token::Mark("^") => true,
            Token::Mark("(") => self.after_parentheses() == &Token::Word("over"),
            _ => false,
        }
    }

    /// What follows the parentheses that open after the next token.
    fn after_parentheses(&self) -> &'a Token<'a> {
        let mut open = 0_usize;
        for (index, spanned) in self.tokens.iter().enumerate().skip(self.position + 1) {
            match spanned.token {
                Token::Mark("(") => open += 1,
                Token::Mark(")") => open -= 1,
                _ => {}
            }
            if open == 0 {
                return self.token_at(index + 1);
            }
        }
        &Token::End
    }

    fn generators(&mut self) -> Result<Vec<Generator>> {
        let mut generators = vec![self.generator()?];
        while *self.peek() == Token::Mark(",") && self.at_generator(1) {
            self.advance();
            generators.push(self.generator()?);
        }
        Ok(generators)
    }

    /// Whether a generator begins so many tokens ahead.
    fn at_generator(&self, ahead: usize) -> bool {
        matches!(self.token_at(self.position + ahead), Token::Word(_))
            && *self.token_at(self.position + ahead + 1) == Token::Word("from")
    }

    fn generator(&mut self) -> Result<Generator> {
        if !self.at_generator(0) {
            let error = *self.expected("a variable and `from`");
            return Err(error.help("write `exists x from orders where x.price > 10`").into());
        }
        let variable = self.name()?;
        self.advance();
        let range = self.sum()?;
        let has_condition = self.accept_word("where") || self.accept(":");
        let condition = if has_condition { Some(self.expression()?) } else { None };
        Ok(Generator { variable, range, condition })
    }

    /// `^name`, a field of what lies further out.
    fn up(&mut self) -> Result<NodeKind> {
        let mut levels = 0;
        while self.accept("^") {
            levels += 1;
        }
        self.accept(".");
        Ok(NodeKind::Up { levels, name: self.name()? })
    }

    fn chain(&mut self) -> Result<NodeKind> {
        self.advance();
        self.expect("(")?;
        let events = self.expression()?;
        self.expect(",")?;
        let time = self.expression()?;
        self.expect(",")?;
        self.expect("[")?;
        let mut steps = vec![self.step()?];
        while self.accept(",") {
            steps.push(self.step()?);
        }
        if !self.accept("]") {
            return Err(self.expected("`WHEN`, `WHERE`, `COUNT`, `,` or `]`"));
        }
        self.expect(")")?;
        Ok(NodeKind::Chain { events, time, steps })
    }

    fn step(&mut self) -> Result<Step> {
        if !matches!(self.peek(), Token::Word(_)) {
            return Err(self.expected("the name of a step"));
        }
        let label = self.name()?;
        if !self.accept(":") {
            return Err(self.expected("`:` after the name of a step"));
        }
        if !self.accept_word("WHAT") {
            return Err(self.expected("`WHAT`"));
        }
        let is_nested = std::mem::replace(&mut self.in_step, true);
        let what = self.enclosed(Parser::expression)?;
        let mut step = Step { label, what, when: None, condition: None, count: 1 };
        let mut seen = Vec::new();
        while let &Token::Word(clause @ ("WHEN" | "WHERE" | "COUNT")) = self.peek() {
            if seen.contains(&clause) {
                let message = format!("step `{}` has a second `{clause}`", step.label);
                let error = Error::parse(message, self.span());
                return Err(error.help("write it once, or write two steps").into());
            }
            seen.push(clause);
            self.advance();
            match clause {
                "WHEN" => step.when = Some(self.enclosed(Parser::when)?),
                "WHERE" => step.condition = Some(self.enclosed(Parser::expression)?),
                _ => step.count = self.enclosed(Parser::count)?,
            }
        }
        self.in_step = is_nested;
        Ok(step)
    }

    /// Something in parentheses.
    fn enclosed<T>(&mut self, rule: fn(&mut Self) -> Result<T>) -> Result<T> {
        self.expect("(")?;
        let found = rule(self)?;
        self.expect(")")?;
        Ok(found)
    }

    fn when(&mut self) -> Result<Box<When>> {
        let start = self.start();
        let window = *self.window()?;
        Ok(Box::new(When { window, span: start..self.end() }))
    }

    fn count(&mut self) -> Result<u64> {
        match *self.peek() {
            Token::Integer(count) if count > 0 => {
                self.advance();
                Ok(count)
            }
            _ => Err(self.expected("a whole number of events from 1 on")),
        }
    }

    fn window(&mut self) -> Result<Box<Window<Node>>> {
        let window = if self.accept_plain_word("between") {
            let first = self.time()?;
            if !self.accept_word("and") {
                return Err(self.expected("`and`"));
            }
            Window::Between { first, last: self.time()? }
        } else if let Some(side) = self.accept_side() {
            Window::Beside { side, of: self.time()? }
        } else if self.at_distance() {
            return self.distance();
        } else {
            self.accept_plain_word("on");
            Window::On(self.time()?)
        };
        Ok(Box::new(window))
    }

    fn at_distance(&self) -> bool {
        let has_unit = matches!(self.peek_second(), Token::Word(word) if Unit::named(word).is_some());
        self.operator(&Operator::DISTANCES).is_some() || matches!(self.peek(), Token::Integer(_)) && has_unit
    }

    fn distance(&mut self) -> Result<Box<Window<Node>>> {
        let operator = self.accept_operator(&Operator::DISTANCES).unwrap_or(Operator::Equal);
        let Token::Integer(count) = *self.peek() else {
            return Err(self.expected("a whole number of units"));
        };
        self.advance();
        let unit = self.unit()?;
        let Some(side) = self.accept_side() else {
            let error = *self.expected("`before` or `after`");
            return Err(error
                .help("a distance is measured from a time, as in `<= 3 days before now`")
                .into());
        };
        Ok(Box::new(Window::Distance { operator, count, unit, side, of: self.time()? }))
    }

    fn time(&mut self) -> Result<Time<Node>> {
        let word = match *self.peek() {
            Token::Word(word) if *self.peek_second() != Token::Mark(".") => word,
            _ => "",
        };
        let time = match word {
            "now" => Time::Now,
            "yesterday" => Time::Period(Relation::Last, Unit::Day),
            "today" => Time::Period(Relation::This, Unit::Day),
            "tomorrow" => Time::Period(Relation::Next, Unit::Day),
            "last" => return self.period(Relation::Last),
            "this" => return self.period(Relation::This),
            "next" => return self.period(Relation::Next),
            _ if matches!(self.peek(), Token::End | Token::Mark(")" | "," | "]")) => {
                return Err(self.expected("a time, such as `today`"));
            }
            _ => return Ok(Time::Value(*self.sum()?)),
        };
        self.advance();
        Ok(time)
    }

    fn period(&mut self, relation: Relation) -> Result<Time<Node>> {
        self.advance();
        Ok(Time::Period(relation, self.unit()?))
    }

    fn unit(&mut self) -> Result<Unit> {
        let unit = match self.peek() {
            Token::Word(word) => Unit::named(word),
            _ => None,
        };
        let unit = unit.ok_or_else(|| self.expected("a unit of time, such as `hours`"))?;
        self.advance();
        Ok(unit)
    }

    fn accept_side(&mut self) -> Option<Side> {
        if self.accept_plain_word("before") {
            Some(Side::Before)
        } else if self.accept_plain_word("after") || self.accept_plain_word("from") {
            Some(Side::After)
        } else {
            None
        }
    }

    /// A word that begins no path.
    fn accept_plain_word(&mut self, word: &str) -> bool {
        *self.peek_second() != Token::Mark(".") && self.accept_word(word)
    }

    fn arguments(&mut self) -> Result<Vec<Node>> {
        self.expect("(")?;
        self.list_until(")")
    }

    /// Expressions separated by commas, and the bracket that closes them.
    fn list_until(&mut self, close: &'static str) -> Result<Vec<Node>> {
        let mut items = Vec::new();
        if self.accept(close) {
            return Ok(items);
        }
        loop {
            items.push(*self.expression()?);
            if self.accept(close) {
                return Ok(items);
            }
            if !self.accept(",") {
                return Err(self.expected(&format!("`,` or `{close}`")));
            }
        }
    }

    /// A number whose sign, if any, is consumed already.
    fn number(&mut self, negative: bool, start: usize) -> Result<Literal> {
        let token = self.peek();
        self.advance();
        let literal = match *token {
            Token::Double(number) => Some(Literal::Double(if negative { -number } else { number })),
            Token::Integer(number) if negative => 0i64.checked_sub_unsigned(number).map(Literal::Integer),
            Token::Integer(number) => i64::try_from(number).ok().map(Literal::Integer),
            _ => None,
        };
        literal.ok_or_else(|| {
            let error = Error::parse("whole number is out of range", start..self.end());
            let (least, most) = (i64::MIN, i64::MAX);
            error
                .help(format!("whole numbers go from {least} to {most}; write `1e20` for a greater one"))
                .into()
        })
    }

    /// A name in a place where any word is one.
    fn name(&mut self) -> Result<Word> {
        let Token::Word(text) = *self.peek() else { return Err(self.expected("a name")) };
        let span = self.span();
        self.advance();
        Ok(Word { text: text.to_owned(), span })
    }

    /// Whether a lambda begins here. Its parameters are read ahead: a parenthesised name begins alike.
    fn at_lambda(&self) -> bool {
        let mut tokens = self.tokens.iter().skip(self.position).map(|spanned| &spanned.token);
        if tokens.next() != Some(&Token::Mark("(")) {
            return false;
        }
        while let Some(Token::Word(_)) = tokens.next() {
            match tokens.next() {
                Some(Token::Mark(",")) => {}
                Some(Token::Mark(")")) => return tokens.next() == Some(&Token::Mark("=>")),
                _ => return false,
            }
        }
        false
    }

    fn at_signed_number(&self) -> bool {
        matches!(self.peek(), Token::Mark("+" | "-"))
            && matches!(self.peek_second(), Token::Integer(_) | Token::Double(_))
    }

    /// Runs a rule one level deeper, where that is not too deep.
    fn deeper<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.recursion == MAX_RECURSION {
            return Err(too_deep(self.span()));
        }
        self.recursion += 1;
        let outcome = rule(self);
        self.recursion -= 1;
        outcome
    }

    /// A node from `start` to the last token read.
    fn node(&self, kind: NodeKind, start: usize) -> Result<Box<Node>> {
        let node = Node::new(kind, start..self.end());
        if node.height > MAX_NESTING { Err(too_deep(node.span)) } else { Ok(Box::new(node)) }
    }

    fn peek(&self) -> &'a Token<'a> {
        self.token_at(self.position)
    }

    fn peek_second(&self) -> &'a Token<'a> {
        self.token_at(self.position + 1)
    }

    fn token_at(&self, position: usize) -> &'a Token<'a> {
        self.tokens.get(position).map_or(&Token::End, |spanned| &spanned.token)
    }

    fn advance(&mut self) {
        self.position = (self.position + 1).min(self.tokens.len().saturating_sub(1));
    }

    /// Where the next token stands.
    fn span(&self) -> Span {
        self.tokens.get(self.position).map_or(0..0, |next| next.span.clone())
    }

    fn start(&self) -> usize {
        self.span().start
    }

    /// Where the last token that was read ends.
    fn end(&self) -> usize {
        self.position.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |last| last.span.end)
    }

    fn operator(&self, among: &[Operator]) -> Option<Operator> {
        let symbol = match self.peek() {
            Token::Word(symbol) | Token::Mark(symbol) => *symbol,
            _ => return None,
        };
        among.iter().copied().find(|operator| operator.symbol() == symbol)
    }

    fn accept_operator(&mut self, among: &[Operator]) -> Option<Operator> {
        let operator = self.operator(among)?;
        self.advance();
        Some(operator)
    }

    fn accept_word(&mut self, keyword: &str) -> bool {
        self.accept_token(&Token::Word(keyword))
    }

    fn accept(&mut self, mark: &'static str) -> bool {
        self.accept_token(&Token::Mark(mark))
    }

    fn accept_token(&mut self, token: &Token<'_>) -> bool {
        let found = self.peek() == token;
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, mark: &'static str) -> Result<()> {
        if self.accept(mark) { Ok(()) } else { Err(self.expected(&format!("`{mark}`"))) }
    }

    fn expected(&self, what: &str) -> Box<Error> {
        Error::parse(format!("expected {what}, found {}", self.peek()), self.span()).into()
    }
}

/// Whether a token is a unit of time, so that `this` before it begins a period.
fn is_unit(token: &Token<'_>) -> bool {
    matches!(token, Token::Word(word) if Unit::named(word).is_some())
}

fn too_deep(span: Span) -> Box<Error> {
    Error::parse(format!("expression is nested more than {MAX_NESTING} levels deep"), span)
        .help("split the audience into several and join them with `inSegment`")
        .into()
}
