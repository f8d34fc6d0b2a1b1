//! `fpcache explain`: why a request is, or is not, answered from the cache; by the filter's own code.
//!
//! - `replay`: the worker, driven.
//! - `rules`: which rule has the request, and why the others have not.
//! - `show`: what is printed.
//! - `words`: reasons as sentences.

pub mod replay;
mod rules;
mod show;
mod words;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::input;
use crate::message::{self, Message};
use crate::output::Output;
use replay::Stage;

const MORE: &str = "\
A FILE holds `GET /path HTTP/1.1`, header lines, an empty line and the body. The replay is at the moment
of the response's Date. L2 is left out: see `inspect`.
Exit status: 0 if the request is looked up and, with --response, the same request again is answered; else 1.";

/// Replays a request, and its response, with the filter's own code, and says what becomes of them and why
#[derive(clap::Args)]
#[command(after_help = MORE)]
pub struct Arguments {
    /// http://.. or https://.. as Envoy sees it, or a file; - is standard input
    #[arg(value_name = "URL|FILE")]
    request: String,
    /// The filter's configuration, in any wrapping that `check` reads
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where FILE has several configurations: a part of the place of one, as `check` shows it
    #[arg(long, value_name = "TEXT")]
    at: Option<String>,
    /// The response to judge: HTTP/1.1 200 OK, header lines, an empty line, the body
    #[arg(long, value_name = "FILE")]
    response: Option<PathBuf>,
    #[command(flatten)]
    more: More,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What is added to a request.
#[derive(Default, clap::Args)]
#[group(skip)]
pub struct More {
    /// The method of a URL
    #[arg(short = 'X', long, value_name = "METHOD")]
    method: Option<String>,
    /// A header line, as in 'accept: text/html'
    #[arg(short = 'H', long, value_name = "LINE", value_parser = message::line)]
    header: Vec<(String, Vec<u8>)>,
    /// The request body
    #[arg(short = 'd', long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// An Envoy property that the key depends on, as in source.address=10.0.0.1
    #[arg(long, value_name = "PATH=VALUE", value_parser = property)]
    property: Vec<(String, Vec<u8>)>,
}

/// Runs the command.
///
/// # Errors
/// A sentence when a file or the URL cannot be read.
pub fn run(arguments: &Arguments) -> Result<Output, String> {
    let config = input::config(&arguments.config, arguments.at.as_deref())?;
    let request = arguments.more.request(&arguments.request)?;
    let response = arguments.response.as_deref().map(response).transpose()?;
    let mut stage = Stage::new(&config, arguments.more.properties(), replay::moment(response.as_ref()));
    let replay = stage.replay(&request, response.as_ref());
    let shown = show::Shown { config: &config, request: &request, replay: &replay };
    Ok(Output::either(arguments.json, &shown.tree(), || shown.text(), shown.status()))
}

impl More {
    /// The request that a URL or a file names, with these additions.
    ///
    /// # Errors
    /// A sentence when it cannot be read.
    pub fn request(&self, name: &str) -> Result<Message, String> {
        let mut request = if name.contains("://") {
            Message::of_url(self.method.as_deref().unwrap_or("GET"), name)?
        } else {
            let wrong = |wrong| format!("{name} is not a recorded request: {wrong}. Correct it, or give a URL.");
            Message::of_request(&input::bytes(Path::new(name))?).map_err(wrong)?
        };
        if let Some(method) = &self.method {
            request.lines.iter_mut().filter(|(name, _)| name == ":method").for_each(|(_, value)| {
                *value = method.as_bytes().to_vec();
            });
        }
        for (name, value) in &self.header {
            request.push(if name == "host" { ":authority" } else { name }, value);
        }
        if let Some(body) = &self.data {
            request.body = input::bytes(body)?;
        }
        Ok(request)
    }

    /// The properties by their paths, elements joined by dots.
    pub fn properties(&self) -> HashMap<String, Vec<u8>> {
        self.property.iter().cloned().collect()
    }
}

fn response(file: &Path) -> Result<Message, String> {
    let wrong = |wrong| format!("{} is not a recorded response: {wrong}. Correct it there.", input::name(file));
    Message::of_response(&input::bytes(file)?).map_err(wrong)
}

fn property(text: &str) -> Result<(String, Vec<u8>), String> {
    let (path, value) = text.split_once('=').ok_or("write path=value, as in source.address=10.0.0.1")?;
    Ok((path.to_owned(), value.as_bytes().to_vec()))
}
