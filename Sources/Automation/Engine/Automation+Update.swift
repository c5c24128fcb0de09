// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Other settings while scripts run.
extension Automation {
    /// How the scripts of other settings differ from those that there are.
    package struct Update: Sendable {
        var settings: AutomationSettings
        var removed: [String] = []
        var added: [AutomationSettings.Script] = []
        var changed: [AutomationSettings.Script] = []

        /// One line for each script.
        package var lines: [String] {
            added.map { "script \($0.name) added" } + changed.map { "script \($0.name) changed" }
                + removed.map { "script \($0) removed" }
        }
    }

    /// Compares settings with those in use, and loads what is new or different on trial. What concerns the process (`store`, `files`,
    /// `threads`) is not looked at.
    /// - Throws: When a script could not be loaded; its name stands in the message.
    package func planUpdate(_ new: AutomationSettings) async throws(AutomationError) -> Update {
        var update = Update(settings: new)
        update.removed = Set(slots.keys).subtracting(new.scripts.map(\.name)).sorted()
        let grantsAreNew = new.http.differs(from: settings.http)
        for script in new.scripts {
            guard let slot = slots[script.name] else {
                update.added.append(script)
                continue
            }
            if slot.script != script || grantsAreNew { update.changed.append(script) }
        }
        var context = context
        context.http = new.http
        for script in update.added + update.changed where try isOn(script) {
            let problem: AutomationError?
            do {
                problem = try await self.problem(of: script, in: context)
            } catch {
                problem = AutomationError(.script, "\(error)")
            }
            if let problem { throw AutomationError(problem.code, "script \"\(script.name)\": \(problem)") }
        }
        return update
    }

    /// Makes the settings of a plan the ones in use: scripts that are gone end, new and different ones are loaded, the others do not
    /// notice. Tells what went wrong after all, such as a file that has changed since.
    package func apply(_ update: Update) async -> [String] {
        let http = settings.http
        settings.scripts = update.settings.scripts
        settings.consoleLimits = update.settings.consoleLimits
        settings.http = update.settings.http
        // One client serves all versions.
        settings.http.client = http.client ?? update.settings.http.client
        for name in update.removed {
            let instance = slots.removeValue(forKey: name)?.instance
            if let instance { Task { await retire(instance, reason: "stop", grace: Self.reloadGrace) } }
        }
        var problems: [String] = []
        for script in update.added {
            let isOn = (try? isOn(script)) ?? script.isEnabled
            slots[script.name] = Slot(
                script: script, lane: Self.lane(script, settings), phase: isOn ? .loading : .disabled)
        }
        for script in update.changed {
            guard let slot = slots[script.name] else { continue }
            slots[script.name]?.script = script
            if slot.script.limits.burst != script.limits.burst {
                slots[script.name]?.lane = Self.lane(script, settings)
            }
            let isOn = (try? isOn(script)) ?? script.isEnabled
            if isOn, slot.phase == .disabled { slots[script.name]?.phase = .loading }
            if !isOn, slot.phase != .disabled {
                slots[script.name]?.phase = .disabled
                slots[script.name]?.instance = nil
                if let instance = slot.instance {
                    Task { await retire(instance, reason: "disabled", grace: Self.reloadGrace) }
                }
            }
        }
        for script in update.added + update.changed {
            guard slots[script.name]?.phase != .disabled else { continue }
            if await !load(script.name) {
                problems.append("script \"\(script.name)\": \(slots[script.name]?.error ?? "not loaded")")
            }
        }
        return problems
    }

    /// What somebody has switched goes before the configuration.
    private func isOn(_ script: AutomationSettings.Script) throws(AutomationError) -> Bool {
        do {
            return try context.store.scriptSwitches()[script.name] ?? script.isEnabled
        } catch {
            throw AutomationError(.store, "the store cannot be read", cause: error)
        }
    }
}

extension ScriptHTTPSettings {
    fileprivate func differs(from other: ScriptHTTPSettings) -> Bool {
        allow != other.allow || timeout != other.timeout || largest != other.largest
    }
}
