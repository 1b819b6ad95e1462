"""How much a person may borrow: by the score's band, so many hundredths of the monthly income. The
same function as in the folders beside this one, in Python."""
import json

from porteiro import store

BANDS = [(700, "excellent", 300), (500, "good", 150), (300, "regular", 50), (-1, "low", 0)]


def handler(event, context):
    profile = store("B").get("profile", event["pathParameters"]["cpf"])
    if profile is None:
        return {"statusCode": 404, "body": '{"error":"unknown person"}'}
    income = sum(each["monthly_cents"] for each in profile.get("income_sources") or [])
    score = profile.get("score") or 0
    band, hundredths = next((band, share) for above, band, share in BANDS if score > above)
    body = {"band": band, "limit_cents": income * hundredths // 100}
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body, separators=(",", ":")),
    }
