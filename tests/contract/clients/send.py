"""What a generated Python client does: send two signals, and read what became of them. Run with the client on the path."""

import json
import sys

from winnow_client import AuthenticatedClient
from winnow_client.api.collector import get_dead_letters, post_signals
from winnow_client.models import SignalBatch

url, project, ingest, manage, batch = sys.argv[1:]
phone = AuthenticatedClient(base_url=url, token=ingest, raise_on_unexpected_status=True)
answer = post_signals.sync(project, client=phone, body=SignalBatch.from_dict(json.loads(batch)))
lead = AuthenticatedClient(base_url=url, token=manage, raise_on_unexpected_status=True)
letters = get_dead_letters.sync(project, client=lead)
told = {
    "statuses": [result.status.value for result in answer.results],
    "retry": [result.retry.value for result in answer.results],
    "reasons": [letter.reason.value for letter in letters.dead_letters],
}
sys.stdout.write(json.dumps(told))
