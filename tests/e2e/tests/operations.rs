//! docs/operations.md, Troubleshooting: each trouble is made on a real stack, the commands of its section are run, and what
//! they print is held against the document.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::{LIMIT, Outcome};
use stack::{Demo, Port, Request, Scratch, Stack, paths};

const GUIDE: &str = include_str!("../../../docs/operations.md");
const PROFILE: &str = "/v1/fingerprints/profiles/chrome_120_win";
/// Stands for what differs each time; alone on a line for any lines.
const ANY: char = '…';

/// One section: its title, and its commands with what they print.
struct Section<'a> {
    title: &'a str,
    commands: Vec<(&'a str, Vec<&'a str>)>,
}

/// What runs while a section is played.
struct Place {
    stack: Stack,
    _demo: Demo,
    prelude: String,
    _folder: Scratch,
}

/// What makes the trouble of a section, and what ends it.
type Making = (&'static str, fn(&mut Place) -> Outcome, fn(&mut Place) -> Outcome);

/// The sections; what needs no making has the trouble in its own commands.
const TROUBLES: [Making; 15] = [
    ("Nothing is ever a hit: every answer is a uri-miss", nothing, nothing),
    ("There is no Cache-Status", nothing, nothing),
    ("A POST always passes", nothing, nothing),
    ("A large POST always passes", nothing, nothing),
    ("An answer is never stored", nothing, nothing),
    ("One client never gets a hit", stored, nothing),
    ("Answers come from L1 and the service, none from L2", without_webdis, with_webdis),
    ("Redis answers, and still none come from L2", replica, master),
    ("Answers are suspended", unread, with_webdis),
    ("An old answer after an invalidation", stored, nothing),
    ("webdis says 403", nothing, nothing),
    ("Redis says NOPERM", nothing, nothing),
    ("Redis is full", stored, nothing),
    ("A path is answered with 400", nothing, nothing),
    ("A configuration is refused", nothing, nothing),
];

#[test]
fn every_trouble_in_the_guide_shows_as_the_guide_says() {
    let sections = sections().unwrap();
    let titles: Vec<_> = sections.iter().map(|section| section.title).collect();
    assert_eq!(titles, TROUBLES.map(|(title, ..)| title), "docs/operations.md, Troubleshooting");
    let mut place = Place::start().unwrap();
    let play = |(section, (_, make, end)): (&Section<'_>, &Making)| {
        make(&mut place)?;
        let faults = section.commands.iter().filter_map(|(command, expected)| place.differs(command, expected).err());
        let faults: Vec<_> = faults.collect();
        end(&mut place)?;
        if faults.is_empty() { Ok(()) } else { Err(format!("{}:\n{}", section.title, faults.join("\n"))) }
    };
    let faults: Vec<_> = sections.iter().zip(&TROUBLES).map(play).filter_map(Result::err).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn what_is_printed_is_told_from_what_is_not() {
    let output = ["a 1", "b", "c"];
    let fits = |expected: &[&str]| fits(expected, &output);
    assert!(fits(&["a …", "b", "c"]) && fits(&["a 1", "…", "c"]) && fits(&["…"]) && fits(&["…", "c"]));
    assert!(!fits(&["a …", "b"]) && !fits(&["a 2", "…"]) && !fits(&["…", "d"]) && !fits(&["b", "…"]) && !fits(&[]));
}

/// The sections under the heading, in their order.
fn sections() -> Result<Vec<Section<'static>>, String> {
    let (_, rest) = GUIDE.split_once("\n## Troubleshooting\n").ok_or("no heading Troubleshooting")?;
    let (part, _) = rest.split_once("\n## ").ok_or("nothing after Troubleshooting")?;
    part.split("\n### ").skip(1).map(section).collect()
}

fn section(text: &str) -> Result<Section<'_>, String> {
    let (title, text) = text.split_once('\n').ok_or("a heading with nothing under it")?;
    let blocks = text.split("```console\n").skip(1).filter_map(|block| Some(block.split_once("\n```")?.0));
    let mut commands: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in blocks.flat_map(str::lines) {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command, Vec::new())),
            (None, Some((_, output))) => output.push(line),
            (None, None) => return Err(format!("{title}: a block that begins without a command")),
        }
    }
    if commands.is_empty() {
        Err(format!("{title}: no command shows the cause"))
    } else {
        Ok(Section { title, commands })
    }
}

impl Place {
    fn start() -> Result<Self, String> {
        let folder = Scratch::new("test-guide")?;
        let demo = Demo::start(Port::free()?, folder.path(), Duration::from_millis(20))?;
        let stack = Stack::builder().service(demo.port()).start()?;
        let ports = [
            ("18000", stack.envoy.port()),
            ("18001", stack.envoy.admin_port()),
            ("18003", stack.webdis.port()),
            ("18004", stack.redis.port()),
        ];
        let (_, rest) = GUIDE.split_once("```sh\n").ok_or("the guide has no block of definitions")?;
        let (definitions, _) = rest.split_once("```").ok_or("the guide's first block does not end")?;
        let own = |text: String, (shown, port): (&str, u16)| text.replace(shown, &port.to_string());
        let fpcache = paths::sibling("fpcache")?;
        let prelude = ports.into_iter().fold(definitions.to_owned(), own);
        let prelude = prelude.replace("cargo run -q -p fpcache --", &fpcache.to_string_lossy());
        Ok(Self { stack, _demo: demo, prelude, _folder: folder })
    }

    /// Runs a command of the guide, and compares.
    fn differs(&self, command: &str, expected: &[&str]) -> Outcome {
        let script = format!("exec 2>&1\n{}\n{command}", self.prelude);
        let output = Command::new("bash").args(["-c", &script]).current_dir(paths::repository()).output();
        let output = output.map_err(|error| format!("cannot run bash: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        let lines: Vec<_> = text.lines().collect();
        let told = || format!("$ {command}\nprints:\n{text}\nand not:\n{}", expected.join("\n"));
        fits(expected, &lines).then_some(()).ok_or_else(told)
    }

    /// As `a` does: the host is part of the key.
    fn request(&self, target: &str) -> Request {
        Request::get(target).bearer("me").header("host", format!("127.0.0.1:{}", self.stack.envoy.port()))
    }

    fn get(&self, target: &str) -> Outcome {
        self.stack.send(&self.request(target)).map(drop)
    }
}

/// Whether lines are as expected, each and in their order.
fn fits(expected: &[&str], lines: &[&str]) -> bool {
    match (expected.split_first(), lines.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if *first == ANY.to_string() => {
            fits(rest, lines) || lines.split_first().is_some_and(|(_, lines)| fits(expected, lines))
        }
        (Some((first, rest)), Some((line, lines))) => is_like(first, line) && fits(rest, lines),
        _ => false,
    }
}

fn is_like(expected: &str, line: &str) -> bool {
    let mut parts = expected.split(ANY);
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

fn nothing(_: &mut Place) -> Outcome {
    Ok(())
}

/// A profile that Redis and the memories have.
fn stored(place: &mut Place) -> Outcome {
    let deadline = Instant::now() + LIMIT;
    place.get("/v1/fingerprints/profiles")?;
    while place.stack.redis.entries()?.len() < 2 && Instant::now() < deadline {
        place.get(PROFILE)?;
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn without_webdis(place: &mut Place) -> Outcome {
    place.stack.webdis.stop();
    breaker(place, 1.0)
}

fn with_webdis(place: &mut Place) -> Outcome {
    place.stack.webdis.start()?;
    breaker(place, 0.0)
}

/// Asks until the breaker is open or closed.
fn breaker(place: &Place, open: f64) -> Outcome {
    let deadline = Instant::now() + LIMIT;
    for number in 0.. {
        place.get(&format!("/v1/fingerprints/profiles/none-{number}"))?;
        if place.stack.metrics()?.sum("fingerprint_cache_breaker_open", &[]) == open {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("breaker_open is not {open}"));
        }
        sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn replica(place: &mut Place) -> Outcome {
    place.stack.redis.read_only(true)?;
    (0..4).try_for_each(|number| place.get(&format!("/v1/fingerprints/profiles/nowhere-{number}")))
}

fn master(place: &mut Place) -> Outcome {
    place.stack.redis.read_only(false)?;
    breaker(place, 0.0)
}

/// Every worker holds the profile, and none could read the log for longer than `sync.max_lag`.
fn unread(place: &mut Place) -> Outcome {
    for mut client in place.stack.envoy.workers()? {
        client.send(&place.request(PROFILE))?;
    }
    place.stack.webdis.stop();
    sleep(Duration::from_millis(6_500));
    Ok(())
}
