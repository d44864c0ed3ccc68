"""What owners are told of work on their voices. What staff need to know stays in the job's row."""

from billing.voices.models import VoiceJob

TOLD = "told"  # in a job's result: why it was not made, as its owner read it
STOPPED = "It was stopped."
CHANGED = "The voice, or what makes it, changed meanwhile. Ask for it once more."
OURS = "Something went wrong on our side. Try again later; if it stays so, ask us for help."


def owners_words(job: VoiceJob) -> str:
    """Why a job did not end well: what the pipeline refused is about the recordings, everything else is ours."""
    if told := job.result.get(TOLD):
        return str(told)
    if job.state == VoiceJob.State.REFUSED:
        return job.error
    return STOPPED if job.state == VoiceJob.State.CANCELLED else OURS
