//! The endpoint of a path, without the names in it.

/// The path with placeholders, as the provider's pages write it.
pub(crate) fn of(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let (prefix, rest) = match segments.as_slice() {
        ["api", "v2", "authenticate", ..] => {
            return "/api/v2/authenticate/{serviceProvider}/{code}".to_owned();
        }
        ["api", "v2", _, rest @ ..] => ("/api/v2/{serviceProvider}", rest),
        ["reggie", "v1", _, rest @ ..] => ("/reggie/v1/{requestor}", rest),
        _ => return path.to_owned(),
    };
    let rest = match rest {
        ["sessions" | "profiles", "sso", _] => format!("{}/sso/{{partner}}", rest[0]),
        ["profiles", "code", _] => "profiles/code/{code}".to_owned(),
        ["decisions", question, _] => format!("decisions/{question}/{{mvpd}}"),
        ["sessions" | "regcode", _] => format!("{}/{{code}}", rest[0]),
        ["profiles" | "logout", _] => format!("{}/{{mvpd}}", rest[0]),
        _ => rest.join("/"),
    };
    format!("{prefix}/{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_paths_are_omitted() {
        for (path, expected) in [
            ("/api/v2/REF/profiles", "/api/v2/{serviceProvider}/profiles"),
            ("/api/v2/REF/profiles/Cablevision", "/api/v2/{serviceProvider}/profiles/{mvpd}"),
            ("/api/v2/REF/profiles/code/8ER640M", "/api/v2/{serviceProvider}/profiles/code/{code}"),
            ("/api/v2/REF/sessions/sso/Apple", "/api/v2/{serviceProvider}/sessions/sso/{partner}"),
            ("/api/v2/REF/decisions/authorize/Dish", "/api/v2/{serviceProvider}/decisions/authorize/{mvpd}"),
            ("/api/v2/authenticate/REF/8ER640M", "/api/v2/authenticate/{serviceProvider}/{code}"),
            ("/reggie/v1/REF/regcode/8ER640M", "/reggie/v1/{requestor}/regcode/{code}"),
            ("/o/client/token", "/o/client/token"),
        ] {
            assert_eq!(of(path), expected);
        }
    }
}
