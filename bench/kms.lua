-- wrk: requests to a KMS service. Arguments: ACTION KEY-ID CIPHERTEXT
--   ACTION  GenerateDataKey or Decrypt
-- Prints "result OK BAD REQUESTS/S" when it is done.
ok, bad = 0, 0
local made

function init(args)
  local context = '"EncryptionContext":{"store":"A","collection":"person"}'
  local body = args[1] == "Decrypt" and '{"CiphertextBlob":"' .. args[3] .. '",' .. context .. "}"
    or '{"KeyId":"' .. args[2] .. '","KeySpec":"AES_256",' .. context .. "}"
  made = wrk.format("POST", "/", {
    ["Host"] = wrk.headers["Host"], ["Content-Type"] = "application/x-amz-json-1.1",
    ["X-Amz-Target"] = "TrentService." .. args[1]
  }, body)
end

function request() return made end

function response(status, headers, body)
  if status == 200 and body:find("Plaintext", 1, true) then
    ok = ok + 1
    return
  end
  bad = bad + 1
  if bad == 1 then io.stderr:write(status, " ", body:sub(1, 300), "\n") end
end

local threads = {}
function setup(thread) table.insert(threads, thread) end
function done(summary)
  local o, b = 0, 0
  for _, thread in ipairs(threads) do o, b = o + thread:get("ok"), b + thread:get("bad") end
  io.write(string.format("result %d %d %.0f\n", o, b, o / (summary.duration / 1e6)))
end
