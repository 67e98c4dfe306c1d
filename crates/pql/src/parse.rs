//! Tokens to syntax tree: one function for each rule of the grammar.
//!
//! ```text
//! expression = lambda | or
//! lambda     = "(" name {"," name} ")" "=>" expression
//! or         = and {"or" and}
//! and        = not {"and" not}
//! not        = ("not" | "!") not | comparison
//! comparison = sum [operator sum | ("in" | "notIn") (sum | "(" expression {"," expression} ")")]
//! sum        = product {("+" | "-") product}
//! product    = unary {("*" | "/" | "%") unary}
//! unary      = "-" unary | postfix
//! postfix    = primary {"." name ["(" [expressions] ")"]}
//! primary    = literal | name | "$1" | name "(" [expressions] ")" | "(" expression ")" | "[" [expressions] "]"
//! ```

use crate::ast::{Literal, Node, NodeKind, Operator, Word};
use crate::error::{Error, ErrorKind, Span};
use crate::token::{Spanned, Token, tokens};

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
    let mut parser = Parser { tokens: &tokens, position: 0, list_at: None, recursion: 0 };
    let tree = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(tree),
        _ => Err(parser.expected("an operator or the end of the expression")),
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
        self.chain("or", Parser::and, NodeKind::Or)
    }

    fn and(&mut self) -> Result<Box<Node>> {
        self.chain("and", Parser::not, NodeKind::And)
    }

    /// One operand or more, joined by a keyword.
    fn chain(
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
        let Some(operator) = self.accept_operator(&Operator::COMPARISONS) else {
            return match self.peek() {
                Token::Word("occurs") => Err(self.not_supported_yet("occurs")),
                _ => Ok(left),
            };
        };
        let right = match operator {
            Operator::In | Operator::NotIn => self.members()?,
            _ => self.sum()?,
        };
        if let Some(second) = self.operator(&Operator::COMPARISONS) {
            let error = Error::parse(
                format!(
                    "`{}` follows `{}`, and comparisons do not chain",
                    second.symbol(),
                    operator.symbol()
                ),
                self.span(),
            );
            return Err(error.help("join two comparisons with `and`, or put one in parentheses").into());
        }
        self.node(NodeKind::Binary { operator, left, right }, start)
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
            if *self.peek() == Token::Mark("[") {
                return Err(self.not_supported_yet("[...]"));
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
            Token::Mark(later @ ("^" | "{")) => return Err(self.not_supported_yet(later)),
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
            ("select" | "exists" | "forall" | "let", _) | ("CHAIN" | "chain", Token::Mark("(")) => {
                return Err(self.not_supported_yet(word));
            }
            ("sum" | "average" | "min" | "max", Token::Word(operand)) if !KEYWORDS.contains(operand) => {
                return Err(self.not_supported_yet(&format!("{word} ... over ...")));
            }
            ("not", _) => {
                let error = Error::parse("`not` stands where a value is expected", self.span());
                return Err(error.help("put `not` and its operand in parentheses").into());
            }
            _ if KEYWORDS.contains(&word) => {
                let error = *self.expected("a field, a value, a function or `(`");
                return Err(error
                    .help(format!("a field of the name `{word}` is written `$1.{word}`"))
                    .into());
            }
            (_, next) if TIME_WORDS.contains(&word) && *next != Token::Mark(".") => {
                let error = Error::parse(format!("`{word}` is a reserved word"), self.span());
                return Err(error
                    .help(format!("a field of the name `{word}` is written `$1.{word}`"))
                    .into());
            }
            (_, Token::Mark("(")) => {
                let function = self.name()?;
                NodeKind::Call { receiver: None, function, arguments: self.arguments()? }
            }
            _ => NodeKind::Name(self.name()?.text),
        };
        self.node(kind, start)
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

    fn not_supported_yet(&self, what: &str) -> Box<Error> {
        Error::not_supported_yet(ErrorKind::Parse, what, self.span()).into()
    }
}

fn too_deep(span: Span) -> Box<Error> {
    Error::parse(format!("expression is nested more than {MAX_NESTING} levels deep"), span)
        .help("split the audience into several and join them with `inSegment`")
        .into()
}
