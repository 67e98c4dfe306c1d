//! Text to tokens: the lexical rules.

use std::fmt;

use winnow::Parser;
use winnow::combinator::{alt, dispatch, eof, opt, peek};
use winnow::error::ParserError;
use winnow::stream::{AsChar, LocatingSlice, Location};
use winnow::token::{any, one_of, take_while};

use crate::error::{Error, Span};

/// The smallest part of an expression that has a meaning.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token<'a> {
    /// A name or a keyword.
    Word(&'a str),
    /// A string, its escapes resolved.
    Text(String),
    /// A whole number without its sign.
    Integer(u64),
    /// Any other number without its sign.
    Double(f64),
    /// `$1`, a parameter by its position.
    Parameter(u32),
    /// An operator or a bracket.
    Mark(&'static str),
    /// The end of the text.
    End,
}

/// A token and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spanned<'a> {
    pub(crate) token: Token<'a>,
    pub(crate) span: Span,
}

type Input<'a> = LocatingSlice<&'a str>;
type Result<T> = std::result::Result<T, Error>;

/// Every token of a text; the last one is [`Token::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Spanned<'_>>> {
    let mut input = LocatingSlice::new(text);
    let mut tokens = Vec::new();
    loop {
        take_while(0.., char::is_whitespace).void().parse_next(&mut input)?;
        let (token, span) = alt((eof.value(Token::End), token)).with_span().parse_next(&mut input)?;
        let is_last = token == Token::End;
        tokens.push(Spanned { token, span });
        if is_last {
            return Ok(tokens);
        }
    }
}

fn token<'a>(input: &mut Input<'a>) -> Result<Token<'a>> {
    dispatch! {peek(any);
        '"' | '\'' => text.map(Token::Text),
        '0'..='9' => number,
        '.' => alt((fraction, mark)),
        '$' => parameter,
        'a'..='z' | 'A'..='Z' | '_' => word,
        _ => mark,
    }
    .parse_next(input)
}

fn word<'a>(input: &mut Input<'a>) -> Result<Token<'a>> {
    take_while(1.., is_word).map(Token::Word).parse_next(input)
}

fn is_word(each: char) -> bool {
    each.is_ascii_alphanumeric() || each == '_'
}

fn parameter<'a>(input: &mut Input<'a>) -> Result<Token<'a>> {
    let start = input.current_token_start();
    let digits: &str = ('$', digits(0..)).map(|(_, digits)| digits).parse_next(input)?;
    match digits.parse() {
        Ok(position) if position > 0 => Ok(Token::Parameter(position)),
        _ => Err(Error::parse("expected the position of a parameter after `$`", span_from(start, input))
            .help("write `$1` for the profile")),
    }
}

fn digits<'a>(times: impl Into<winnow::stream::Range>) -> impl Parser<Input<'a>, &'a str, Error> {
    take_while(times, AsChar::is_dec_digit)
}

/// A number that begins with a digit.
fn number<'a>(input: &mut Input<'a>) -> Result<Token<'a>> {
    numeral(1, input)
}

/// A number that begins with its decimal point.
fn fraction<'a>(input: &mut Input<'a>) -> Result<Token<'a>> {
    peek(('.', digits(1..))).void().parse_next(input)?;
    numeral(0, input)
}

fn numeral<'a>(least_digits: usize, input: &mut Input<'a>) -> Result<Token<'a>> {
    let start = input.current_token_start();
    let fraction = ('.', digits(1..));
    let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digits(1..));
    let ((_, fraction, exponent), written) =
        (digits(least_digits..), opt(fraction), opt(exponent)).with_taken().parse_next(input)?;
    let span = span_from(start, input);
    if let Ok(next) = peek(one_of::<_, _, Error>(is_word)).parse_next(input) {
        return Err(Error::parse(format!("number `{written}` runs into `{next}`"), span)
            .help("put a space or an operator between them; names begin with a letter or `_`"));
    }
    let token = if fraction.is_none() && exponent.is_none() {
        written.parse().ok().map(Token::Integer)
    } else {
        written.parse().ok().filter(|number: &f64| number.is_finite()).map(Token::Double)
    };
    token.ok_or_else(|| Error::parse("number is too large", span))
}

/// A string in double quotes, or in single ones.
fn text(input: &mut Input<'_>) -> Result<String> {
    let start = input.current_token_start();
    let quote = any.parse_next(input)?;
    let mut text = String::new();
    loop {
        text.push_str(take_while(0.., |each| each != quote && each != '\\').parse_next(input)?);
        match opt(any::<_, Error>).parse_next(input)? {
            None => {
                return Err(Error::parse("string has no end", start..start + 1)
                    .help(format!("close it with `{quote}`")));
            }
            Some('\\') => text.push(escape(input)?),
            Some(_) => return Ok(text),
        }
    }
}

/// The character that an escape stands for; its backslash is consumed already.
fn escape(input: &mut Input<'_>) -> Result<char> {
    let start = input.current_token_start() - 1;
    let named = opt(any::<_, Error>).parse_next(input)?;
    let escaped = match named {
        Some(same @ ('"' | '\'' | '\\' | '/')) => Some(same),
        Some('n') => Some('\n'),
        Some('r') => Some('\r'),
        Some('t') => Some('\t'),
        Some('b') => Some('\u{8}'),
        Some('f') => Some('\u{c}'),
        Some('u') => unicode(input),
        _ => None,
    };
    escaped.ok_or_else(|| {
        let error = Error::parse("unknown escape in a string", span_from(start, input));
        match named {
            Some('u') => error.help("write `\\u` with the four hexadecimal digits of a character"),
            Some(other) => error.help(format!("double the backslash of a regular expression: `\\\\{other}`")),
            None => error.help("close the string"),
        }
    })
}

/// The character of four hexadecimal digits, or of two such escapes that form a surrogate pair.
fn unicode(input: &mut Input<'_>) -> Option<char> {
    let high = hexadecimal(input)?;
    let code = match high {
        0xD800..=0xDBFF => {
            let _: &str = Parser::<_, _, Error>::parse_next(&mut "\\u", input).ok()?;
            let low = hexadecimal(input).filter(|low| (0xDC00..=0xDFFF).contains(low))?;
            0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
        }
        other => other,
    };
    char::from_u32(code)
}

fn hexadecimal(input: &mut Input<'_>) -> Option<u32> {
    let digits: Result<&str> = take_while(4, AsChar::is_hex_digit).parse_next(input);
    u32::from_str_radix(digits.ok()?, 16).ok()
}

fn mark<'a>(input: &mut Input<'a>) -> Result<Token<'a>> {
    let start = input.current_token_start();
    if let Ok(foreign) = alt::<_, _, Error, _>(("==", "<>", "&&", "||")).parse_next(input) {
        let own = match foreign {
            "==" => "=",
            "<>" => "!=",
            "&&" => "and",
            _ => "or",
        };
        return Err(Error::parse(format!("unknown operator `{foreign}`"), span_from(start, input))
            .help(format!("write `{own}`")));
    }
    let long = alt(("=>".value("=>"), "!=".value("!="), "<=".value("<="), ">=".value(">=")));
    let short = any.verify_map(|each| {
        Some(match each {
            '=' => "=",
            '<' => "<",
            '>' => ">",
            '!' => "!",
            '+' => "+",
            '-' => "-",
            '*' => "*",
            '/' => "/",
            '%' => "%",
            '(' => "(",
            ')' => ")",
            '[' => "[",
            ']' => "]",
            '{' => "{",
            '}' => "}",
            ',' => ",",
            '.' => ".",
            ':' => ":",
            '^' => "^",
            _ => return None,
        })
    });
    alt((long, short)).map(Token::Mark).parse_next(input)
}

fn span_from(start: usize, input: &Input<'_>) -> Span {
    start..input.current_token_start()
}

/// What winnow says where no rule fits: the character stands for itself.
impl ParserError<Input<'_>> for Error {
    type Inner = Error;

    fn from_input(input: &Input<'_>) -> Error {
        let start = input.current_token_start();
        match input.chars().next() {
            None => Error::parse("unexpected end of the expression", start..start),
            Some(found) => {
                let error = Error::parse(
                    format!("unexpected character `{}`", found.escape_debug()),
                    start..start + found.len_utf8(),
                );
                match found {
                    '“' | '”' | '„' | '«' | '»' => {
                        error.help("write a string in straight quotes: `\"`")
                    }
                    '‘' | '’' | '‚' => error.help("write a string in straight quotes: `'`"),
                    other if other.is_alphanumeric() => {
                        error.help("names are made of the letters `a` to `z`, digits and `_`")
                    }
                    _ => error,
                }
            }
        }
    }

    fn into_inner(self) -> std::result::Result<Self::Inner, Self> {
        Ok(self)
    }
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(word) => write!(formatter, "`{word}`"),
            Token::Text(_) => formatter.write_str("a string"),
            Token::Integer(number) => write!(formatter, "number `{number}`"),
            Token::Double(number) => write!(formatter, "number `{number:?}`"),
            Token::Parameter(position) => write!(formatter, "`${position}`"),
            Token::Mark(mark) => write!(formatter, "`{mark}`"),
            Token::End => formatter.write_str("the end of the expression"),
        }
    }
}
