// /demo/: one page that shows changes as they arrive, with nothing but the browser.

import HTTP

extension Reception {
    func watchPage(_ call: Call) {
        call.answer(
            Response(
                status: 200,
                fields: [
                    ("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-cache"),
                    (
                        "Content-Security-Policy",
                        "default-src 'none'; script-src 'unsafe-inline'; style-src "
                            + "'unsafe-inline'; connect-src 'self'"
                    ), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
                ], body: .bytes(PackageResources.watch_html)))
    }
}
