//! Which Redis is meant: by URL, or as Sentinel's master.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

use super::{Arguments, sentence};

/// The variable with the password, out of sight of `ps`.
const PASSWORD: &str = "FPCACHE_REDIS_PASSWORD";
/// The variable with that of the sentinels, where they want one.
const SENTINEL_PASSWORD: &str = "FPCACHE_SENTINEL_PASSWORD";
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// The address and login that the flags and the environment name.
pub fn find(arguments: &Arguments) -> Result<ConnectionInfo, String> {
    let info = parse(arguments.redis.as_deref().unwrap_or("redis://127.0.0.1"))?;
    let info = with_password(info, std::env::var(PASSWORD).ok());
    match (&arguments.master, arguments.sentinel.as_slice()) {
        (Some(master), sentinels @ [_, ..]) => Ok(info.set_addr(ask_sentinels(arguments, master, sentinels)?)),
        (Some(_), []) => {
            Err("--master is a name for Sentinel. Give the sentinels as --sentinel HOST:PORT,..".to_owned())
        }
        (None, _) => Ok(info),
    }
}

/// Reads a URL; it is never repeated in the error, as there may be a password in it.
fn parse(url: &str) -> Result<ConnectionInfo, String> {
    let wrong = |_| {
        "The URL of Redis cannot be read. Write redis://[user[:password]@]host:port/db, with special characters in \
         percent-encoding (TLS is not supported)."
            .to_owned()
    };
    let info = url.into_connection_info().map_err(wrong)?;
    // Naming the library would be one more command to allow.
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    Ok(info.set_redis_settings(settings))
}

/// Adds the password of the environment, unless the URL has one.
fn with_password(info: ConnectionInfo, password: Option<String>) -> ConnectionInfo {
    let settings = info.redis_settings().clone();
    match password.filter(|password| !password.is_empty() && settings.password().is_none()) {
        Some(password) => info.set_redis_settings(settings.set_password(password)),
        None => info,
    }
}

/// Asks one sentinel after the other; the first that knows the master is believed.
fn ask_sentinels(arguments: &Arguments, master: &str, sentinels: &[String]) -> Result<ConnectionAddr, String> {
    let mut said = Vec::new();
    for sentinel in sentinels {
        match ask_sentinel(arguments, master, sentinel) {
            Ok(address) => return Ok(address),
            Err(sentence) => said.push(format!("\n  {sentinel}: {sentence}")),
        }
    }
    Err(format!("No sentinel names a master for {master:?}. Check --sentinel and --master.{}", said.concat()))
}

fn ask_sentinel(arguments: &Arguments, master: &str, sentinel: &str) -> Result<ConnectionAddr, String> {
    let (host, port) = split(sentinel, SENTINEL_PORT)?;
    let address = ConnectionAddr::Tcp(host, port);
    let failed = |error| sentence(sentinel, &error);
    let login = RedisConnectionInfo::default().set_skip_set_lib_name();
    let info = address.into_connection_info().map_err(failed)?.set_redis_settings(login);
    let info = with_password(info, std::env::var(SENTINEL_PASSWORD).ok());
    let client = redis::Client::open(info).map_err(failed)?;
    let mut connection = client.get_connection_with_timeout(arguments.timeout).map_err(failed)?;
    connection.set_read_timeout(Some(arguments.timeout)).map_err(failed)?;
    let mut question = redis::cmd("SENTINEL");
    question.arg("get-master-addr-by-name").arg(master);
    let named: Option<(String, u16)> = question.query(&mut connection).map_err(failed)?;
    named.map(|(host, port)| ConnectionAddr::Tcp(host, port)).ok_or_else(|| "It knows no such master.".to_owned())
}

/// `host:port`, `[v6]:port` or a host alone.
fn split(text: &str, port: u16) -> Result<(String, u16), String> {
    let url = format!("redis://{text}");
    let wrong = || format!("{text:?} is not HOST:PORT.");
    let info = url.as_str().into_connection_info().map_err(|_| wrong())?;
    match info.addr() {
        // The default of the crate is Redis' own port.
        ConnectionAddr::Tcp(host, PORT) if !text.ends_with(":6379") => Ok((host.clone(), port)),
        ConnectionAddr::Tcp(host, port) => Ok((host.clone(), *port)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> (String, Option<String>, i64) {
        let info = parse(url).unwrap();
        let settings = info.redis_settings();
        (info.addr().to_string(), settings.password().map(str::to_owned), settings.db())
    }

    #[test]
    fn a_url_has_address_password_and_database() {
        assert_eq!(address("redis://u:p%40w@cache:7000/3"), ("cache:7000".to_owned(), Some("p@w".to_owned()), 3));
        assert_eq!(address("redis://cache"), ("cache:6379".to_owned(), None, 0));
    }

    #[test]
    fn an_unreadable_url_is_not_repeated() {
        for url in ["redis://u:secret@:x", "secret", "rediss://u:secret@cache"] {
            assert!(!parse(url).unwrap_err().contains("secret"), "{url}");
        }
    }

    #[test]
    fn the_password_of_the_environment_is_second_to_that_of_the_url() {
        let password = |url: &str| {
            let info = with_password(parse(url).unwrap(), Some("env".to_owned()));
            info.redis_settings().password().map(str::to_owned)
        };
        assert_eq!(password("redis://u@cache").as_deref(), Some("env"));
        assert_eq!(password("redis://u:own@cache").as_deref(), Some("own"));
    }

    #[test]
    fn a_sentinel_has_a_port_of_its_own() {
        assert_eq!(split("a", SENTINEL_PORT), Ok(("a".to_owned(), 26379)));
        assert_eq!(split("a:6379", SENTINEL_PORT), Ok(("a".to_owned(), 6379)));
        assert_eq!(split("a:1", SENTINEL_PORT), Ok(("a".to_owned(), 1)));
        assert!(split("a:b", SENTINEL_PORT).is_err());
    }
}
