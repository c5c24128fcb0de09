// SPDX-License-Identifier: Apache-2.0

extension LibraryReference {
    /// What tests of scripts can call beside all that scripts can.
    package static let testSection = Section(
        title: "In tests of scripts",
        entries: [
            LibraryEntry("test", "test(name, fn)", "Registers a test: a core, a store and a clock of its own."),
            LibraryEntry(
                "core", "core{ users, inbounds, outbounds, rules, balancers, ... }",
                """
                Configures the core, before the first script: `users` are e-mails of a VLESS inbound `in`, `inbounds` e-mails by tag \
                (or inbounds as in a configuration), `outbounds` tags, the rest as in a configuration. Without it there are the \
                outbounds `direct` and `blocked` and no inbound.
                """),
            LibraryEntry(
                "script", "script(file [, settings [, { name }]]) -> script",
                """
                Starts a script; the file is looked for beside the test. It has `:log()`, `:calls([name])`, `:stored(key)`, \
                `:keys([prefix])`, `:run([schedule])`, `:reload()` and `:stop()`.
                """),
            LibraryEntry(
                "advance", "advance(duration)",
                """
                Lets time pass; everything that is due happens in its order, each run of each schedule. A schedule of `1s` makes \
                2,678,400 runs in a month: `clock` goes there at once.
                """),
            LibraryEntry(
                "clock", "clock(time [, zone])",
                """
                Sets the calendar, as `"2026-03-29 01:59"`, and the zone of scripts that are started later. No time passes: what is \
                due by the calendar is noticed, what is due by intervals is not. Tests begin at 2026-01-01 00:00 UTC.
                """),
            LibraryEntry(
                "restart", "restart()",
                "The process ends and begins again: counters at 0, users as configured, the store as it was."),
            LibraryEntry(
                "connect", "connect(email [, { inbound, source, target }]) -> flow | nil, message",
                """
                Opens a connection: `{ id, inbound, outbound, email, source, target }` with `:move{ up, down }`, `:close()` and \
                `:is_open()`; nil and the reason when the core turns it away.
                """),
            LibraryEntry(
                "traffic", "traffic(email, { up, down, ... })", "A connection that moves so many bytes and closes."),
            LibraryEntry("online", "online(email, source)", "A connection that stays until `offline`."),
            LibraryEntry("offline", "offline(email [, source])", "Closes what `online` has opened."),
            LibraryEntry("reject", "reject(inbound, source [, reason])", "A refused handshake."),
            LibraryEntry(
                "answer", "answer(url, { status, body, headers, fail, times })",
                """
                How requests of `http` to this address are answered (`*` in it stands for any text); `fail` is why there is no \
                answer, `times` how often.
                """),
            LibraryEntry(
                "requests", "requests() -> list", "The requests that were made: `{ method, url, headers, body }`."),
            LibraryEntry("emails", "emails([inbound]) -> list", "Who is in an inbound, sorted."),
            LibraryEntry(
                "expect", "expect(value [, what]) -> expectation",
                """
                Fails the test unless what is claimed of the value holds: `:is(v)`, `:is_not(v)`, `:is_nil()`, `:is_true()`, \
                `:is_false()`, `:at_least(n)`, `:at_most(n)`, `:counts(n)`, `:contains(part)`, `:lacks(part)`, \
                `:matches(pattern)`; `:fails([part])` for a function.
                """),
        ])
}
