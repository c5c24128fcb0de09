// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation

struct ScriptNew: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Write a script to start from.",
        discussion: "Writes NAME.lua, and leaves a file that is there alone.")

    @Argument(help: "The script's name, or the path of its file.") var name: String

    func run() async throws {
        try await ScriptFailure.telling {
            let path = name.hasSuffix(".lua") ? name : name + ".lua"
            let title = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
            guard !title.isEmpty, title != ".lua" else { throw ScriptFailure("a script needs a name") }
            // Exclusive, so that nobody's work is overwritten.
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else {
                throw ScriptFailure(
                    errno == EEXIST
                        ? "\(path) is there already" : "\(path): \(String(cString: strerror(errno)).lowercased())")
            }
            let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            try file.write(contentsOf: Data(ScriptTemplate.text(title).utf8))
            print(
                """
                \(path) is written. To have it run, name it in the configuration:

                    "automation": { "store": "scripts.db", "scripts": [{ "file": "\(path)" }] }

                `tidegate script check \(path)` checks it; `tidegate reference` lists what it can call.
                """)
        }
    }
}

/// What a new script looks like.
enum ScriptTemplate {
    static func text(_ name: String) -> String {
        """
        -- \(name): warns when a user reaches an amount, and tells at midnight who has used how much.

        local settings = settings {
            inbound = { type = "string", doc = "the tag of the inbound whose users are told; without it all of them" },
            limit = { type = "size", default = "10GB", min = 1, doc = "warn at this amount, counted since the core began" },
            report = { type = "cron", default = "0 0 * * *", doc = "when to tell" },
        }

        -- Called once for each user, some milliseconds after the counter got there. To end it there and then:
        --   users.remove(tag, event.email); flows.close{ email = event.email }
        stats.watch("user>>>*>>>traffic>>>*", settings.limit, function(event)
            log.warning(event.email, "has used", size_text(event.value))
        end, { name = "limit" })

        -- Calls that are marked as waiting in `tidegate reference`, as users.list is, let other runs of this script go on. What is to
        -- outlive the process goes into the store; a variable is gone when the core stops or the file changes.
        cron(settings.report, function()
            for _, inbound in ipairs(inbounds.list()) do
                if not settings.inbound or inbound.tag == settings.inbound then
                    for _, user in ipairs(users.list(inbound.tag)) do
                        log.info(user.email, "has used", size_text(users.traffic(user.email).total))
                    end
                end
            end
        end, { name = "report" })

        -- A test, for \(name)_test.lua beside this file; `tidegate script test` runs it in a moment:
        --   test("who reaches the limit is told", function()
        --       core{ users = { "alice@example.com" } }
        --       local s = script("\(name).lua", { limit = "1MB" })
        --       traffic("alice@example.com", { down = size("1MB") })
        --       expect(s:log()):is{ "[Warning] alice@example.com has used 1.00 MB" }
        --       advance("24h")
        --       expect(s:log()):counts(2)
        --   end)

        """
    }
}
