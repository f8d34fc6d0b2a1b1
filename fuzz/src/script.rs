//! A story of a worker as text, a step a line: a letter for what happens, a digit for the stream, then the rest.
//!
//! | line | what happens |
//! |---|---|
//! | `h1 GET /a` | a request head on stream 1; header lines follow, separated by tabs: `h1 GET /a⇥accept: x` |
//! | `b1 text` | its body is complete; `p1 text`: a piece of it |
//! | `l1` | L2 answers as its scripts do; `l1 text`: with a bulk string; `l1 -OOM`, `+OK`, `!` with an error, a status, nothing in time |
//! | `r1 200⇥etag: "1"` | a response head of the origin, a body follows; `q1`: no body follows; `x1`: not of the origin |
//! | `c1 text` | a piece of the response body, with `C` a hundred times over; `e1`: it is complete |
//! | `g1` | the stream is over; `d1`: it has waited too long for its body |
//! | `f0` | L2 takes in the fills; `f1`: it does not answer |
//! | `y0` | L2 hears what is said of leases, and its log is read; `y1`: it does not answer |
//! | `v0` | those who wait for others are woken, where what they wait for has come |
//! | `n0 refresh tag a` | somebody else publishes that; `n6`: the log loses its events; `n7`: L2 loses everything |
//! | `i0` | L2 takes in the invalidations; `s0`: a tick; `w0 5000`: milliseconds pass |
//! | `u0` | refreshes begin; `k2`: configuration 2 is in force; `a0`: again the one that the first such line brought |

use crate::message;
use fingerprint_cache::http::Headers;

/// The most steps of one story.
const MOST: usize = 200;

/// One line of a story.
pub struct Step<'a> {
    /// What happens.
    pub what: u8,
    /// To which stream, or which way.
    pub number: u32,
    /// The rest of the line.
    pub rest: &'a [u8],
}

/// The steps of a story; a line too short for one is left out.
pub fn steps(input: &[u8]) -> impl Iterator<Item = Step<'_>> {
    input.split(|byte| *byte == b'\n').filter_map(step).take(MOST)
}

fn step(line: &[u8]) -> Option<Step<'_>> {
    let (what, line) = line.split_first()?;
    let (digit, rest) = line.split_first()?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    Some(Step { what: *what, number: u32::from(digit % 8), rest })
}

impl Step<'_> {
    /// The rest as a request head: method, target, header lines.
    pub fn request(&self) -> Headers {
        let (start, lines) = self.start();
        let mut words = start.splitn(2, |byte| *byte == b' ');
        let pseudo = [
            (":method", words.next().unwrap_or_default()),
            (":scheme", b"https"),
            (":authority", b"h.example"),
            (":path", words.next().unwrap_or_default()),
        ];
        with(&pseudo, &lines)
    }

    /// The rest as a response head: status, header lines.
    pub fn response(&self) -> Headers {
        let (status, lines) = self.start();
        with(&[(":status", status)], &lines)
    }

    /// The rest as a number; the greatest where it is too large, zero where it is none.
    pub fn amount(&self) -> u64 {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |sum: u64, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    }

    fn start(&self) -> (&[u8], Vec<u8>) {
        let mut parts = self.rest.splitn(2, |byte| *byte == b'\t');
        let start = parts.next().unwrap_or_default();
        (
            start,
            parts.next().unwrap_or_default().iter().map(|byte| if *byte == b'\t' { b'\n' } else { *byte }).collect(),
        )
    }
}

fn with(pseudo: &[(&str, &[u8])], lines: &[u8]) -> Headers {
    let lines = message::headers(lines);
    let lines = lines.iter().map(|(name, value)| (name.to_owned(), value.to_vec()));
    pseudo.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).chain(lines).collect()
}
