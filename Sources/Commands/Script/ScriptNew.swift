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
        -- \(name): tells every minute who has used how much since the last look.
        --
        -- Settings, from "settings" beside "file" in the configuration, all optional:
        --   inbound    the tag of the inbound whose users are meant; without it all of them
        --   interval   how often to look: "1m"

        local interval = settings.interval or "1m"

        -- The tags of the inbounds to look at.
        local function tags()
            if settings.inbound then return { settings.inbound } end
            local found = {}
            for _, inbound in ipairs(inbounds.list()) do found[#found + 1] = inbound.tag end
            return found
        end

        -- Each run is a coroutine: it may sleep() and wait for answers, and holds nobody up. What is to outlive the process goes
        -- into the store; a global or local variable is gone when the core stops or the file changes.
        every(interval, function()
            for _, tag in ipairs(tags()) do
                for _, user in ipairs(users.list(tag)) do
                    local key = "seen/" .. user.email
                    local total = users.traffic(user.email).total
                    local seen = store.get(key) or 0
                    -- Counters begin at 0 with the process.
                    local more = total >= seen and total - seen or total
                    if more > 0 then log.info(user.email, "has used", size_text(more)) end
                    store.set(key, total)
                end
            end
        end)

        -- Other ways to be called:
        --   cron("0 0 1 * *", function() ... end, { tz = "Europe/Berlin" })   at 00:00 on the 1st of each month
        --   after("10s", function() ... end)                                  once
        --   on_stop(function(reason) ... end)                                 before the script ends
        -- And ways to act:
        --   users.remove(tag, email)       users.add(tag, user)       flows.close{ email = email }

        """
    }
}
