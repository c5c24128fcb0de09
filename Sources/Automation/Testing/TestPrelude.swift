// SPDX-License-Identifier: Apache-2.0

/// What test files can call beyond the host functions of ``TestLibrary``, in Lua.
enum TestPrelude {
    static let source = #"""
        local host = ...

        -- Values in messages: keys in order, text in quotes, a list of texts with a line for each.
        local function show(value, indent, depth)
            indent, depth = indent or "", depth or 0
            if type(value) == "string" then return '"' .. value:gsub('[\n"]', { ["\n"] = "\\n", ['"'] = '\\"' }) .. '"' end
            if math.type(value) == "float" and value == value // 1 and math.abs(value) < 2^53 then
                return ("%d"):format(value)
            end
            if type(value) ~= "table" then return tostring(value) end
            if depth > 6 then return "{ … }" end
            local parts, inner = {}, indent .. "    "
            for _, item in ipairs(value) do parts[#parts + 1] = show(item, inner, depth + 1) end
            local keys = {}
            for key in pairs(value) do
                if math.type(key) ~= "integer" or key < 1 or key > #value then keys[#keys + 1] = key end
            end
            table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
            for _, key in ipairs(keys) do
                local plain = type(key) == "string" and key:find("^[%a_][%w_]*$")
                parts[#parts + 1] = (plain and key or "[" .. show(key) .. "]") .. " = " .. show(value[key], inner, depth + 1)
            end
            if #parts == 0 then return "{}" end
            local short = "{ " .. table.concat(parts, ", ") .. " }"
            if #short + #indent <= 90 and not short:find("\n") then return short end
            return "{\n" .. inner .. table.concat(parts, ",\n" .. inner) .. "\n" .. indent .. "}"
        end

        local function same(a, b)
            if type(a) ~= "table" or type(b) ~= "table" then return a == b end
            for key, value in pairs(a) do if not same(value, b[key]) then return false end end
            for key in pairs(b) do if a[key] == nil then return false end end
            return true
        end

        -- Whether a text, or one of a list, has this text (or pattern) in it, or a list this element.
        local function has(value, part, is_pattern)
            if type(value) == "string" then return value:find(part, 1, not is_pattern) ~= nil end
            if type(value) ~= "table" then return false end
            for _, item in ipairs(value) do
                if same(item, part) or type(item) == "string" and type(part) == "string" and has(item, part, is_pattern) then
                    return true
                end
            end
            return false
        end

        local Expectation = {}
        Expectation.__index = Expectation

        local function fail(self, expected, found)
            local what = self.what and self.what .. ": " or ""
            error(("%sexpected %s\nfound %s"):format(what, expected, found or show(self.value)), 3)
        end

        function expect(value, what) return setmetatable({ value = value, what = what }, Expectation) end

        function Expectation:is(expected)
            if not same(self.value, expected) then fail(self, show(expected)) end
            return self
        end
        function Expectation:is_not(other)
            if same(self.value, other) then fail(self, "anything but " .. show(other)) end
            return self
        end
        function Expectation:is_nil()
            if self.value ~= nil then fail(self, "nil") end
            return self
        end
        function Expectation:is_true()
            if not self.value then fail(self, "true") end
            return self
        end
        function Expectation:is_false()
            if self.value then fail(self, "false or nil") end
            return self
        end
        function Expectation:contains(part)
            if not has(self.value, part) then fail(self, "something that contains " .. show(part)) end
            return self
        end
        function Expectation:lacks(part)
            if has(self.value, part) then fail(self, "nothing that contains " .. show(part)) end
            return self
        end
        function Expectation:matches(pattern)
            if not has(self.value, pattern, true) then fail(self, "something that matches " .. show(pattern)) end
            return self
        end
        function Expectation:at_least(least)
            if type(self.value) ~= "number" or self.value < least then fail(self, "at least " .. show(least)) end
            return self
        end
        function Expectation:at_most(most)
            if type(self.value) ~= "number" or self.value > most then fail(self, "at most " .. show(most)) end
            return self
        end
        function Expectation:counts(count)
            local found = type(self.value) == "table" and #self.value
            if found ~= count then fail(self, count .. " elements", (found or "no list") .. " in " .. show(self.value)) end
            return self
        end
        function Expectation:fails(part)
            if type(self.value) ~= "function" then error("expect(…):fails() is for a function", 2) end
            local done, problem = pcall(self.value)
            if done then fail(self, "an error", "none") end
            if part and not has(tostring(problem), part) then
                fail(self, "an error that contains " .. show(part), show(problem))
            end
            return self
        end

        -- The core's configuration, with short forms for what tests say often.
        local ids = 0
        local function clients(emails)
            local list = {}
            for index, email in ipairs(emails) do
                ids = ids + 1
                list[index] = type(email) == "table" and email
                    or { email = email, id = ("00000000-0000-4000-8000-%012x"):format(ids) }
            end
            return #list > 0 and list or nil
        end
        local function vless(tag, emails)
            return { tag = tag, protocol = "vless", settings = { decryption = "none", clients = clients(emails) } }
        end
        local known = { users = true, inbounds = true, outbounds = true, rules = true, balancers = true }

        function core(options)
            local config = {
                stats = {},
                policy = {
                    levels = { ["0"] = { statsUserUplink = true, statsUserDownlink = true, statsUserOnline = true } },
                    system = {
                        statsInboundUplink = true, statsInboundDownlink = true,
                        statsOutboundUplink = true, statsOutboundDownlink = true,
                    },
                },
                routing = {},
            }
            for key, value in pairs(options) do if not known[key] then config[key] = value end end
            local inbounds = {}
            if options.users then inbounds[1] = vless("in", options.users) end
            local tags = {}
            for tag in pairs(options.inbounds or {}) do tags[#tags + 1] = tag end
            table.sort(tags, function(a, b) return tostring(a) < tostring(b) end)
            for _, tag in ipairs(tags) do
                local value = options.inbounds[tag]
                inbounds[#inbounds + 1] = type(tag) == "string" and vless(tag, value) or value
            end
            for index, inbound in ipairs(inbounds) do
                inbound.port, inbound.listen = inbound.port or 1000 + index, inbound.listen or "127.0.0.1"
            end
            config.inbounds = #inbounds > 0 and inbounds or nil
            config.outbounds = {}
            for index, outbound in ipairs(options.outbounds or { "direct", "blocked" }) do
                local protocol = outbound == "blocked" and "blackhole" or "freedom"
                config.outbounds[index] = type(outbound) == "table" and outbound or { tag = outbound, protocol = protocol }
            end
            if options.rules and #options.rules > 0 then config.routing.rules = options.rules end
            if options.balancers then config.routing.balancers = options.balancers end
            host.configure(json.encode(config))
        end

        local Script = {}
        Script.__index = Script
        for _, verb in ipairs{ "log", "calls", "stored", "keys", "reload", "stop", "run" } do
            Script[verb] = function(self, ...) return host[verb](self.name, ...) end
        end
        function script(...)
            local loaded, name = pcall(host.script, ...)
            if not loaded then error(name, 2) end
            return setmetatable({ name = name }, Script)
        end

        -- What peers do.
        local Flow = {}
        Flow.__index = Flow
        function Flow:move(bytes) return host.move(self.id, bytes.up or 0, bytes.down or 0) end
        function Flow:close() return host.disconnect(self.id) end
        function Flow:is_open()
            for _, flow in ipairs(flows.list{}) do if flow.id == self.id then return true end end
            return false
        end

        function connect(email, options)
            local flow, why = host.connect(email or "", options or {})
            if not flow then return nil, why end
            return setmetatable(flow, Flow)
        end

        function traffic(email, bytes)
            local flow, why = connect(email, { inbound = bytes.inbound, source = bytes.source, target = bytes.target })
            if not flow then error(why, 2) end
            flow:move(bytes)
            flow:close()
        end

        local held = {}
        function online(email, source, options)
            options = options or {}
            local flow, why = connect(email, { source = source, inbound = options.inbound, target = options.target })
            if not flow then error(why, 2) end
            held[#held + 1] = { email = email, source = source, flow = flow }
            return flow
        end

        function offline(email, source)
            local kept = {}
            for _, entry in ipairs(held) do
                if entry.email == email and (source == nil or entry.source == source) then
                    entry.flow:close()
                else
                    kept[#kept + 1] = entry
                end
            end
            held = kept
        end

        function emails(inbound)
            local list = {}
            for _, user in ipairs(users.list(inbound or "in")) do list[#list + 1] = user.email end
            table.sort(list)
            return list
        end

        sleep = advance
        for _, name in ipairs{ "every", "cron", "after", "at", "on", "on_stop" } do
            _ENV[name] = function() error(name .. ": a test has no schedules of its own; advance() lets time pass", 2) end
        end
        """#
}
