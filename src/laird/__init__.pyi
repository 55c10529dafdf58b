from laird.domain.errors import LairdError as LairdError
from laird.embed.gateway import Gateway as Gateway
from laird.embed.manager import ProviderManager as ProviderManager
from laird.embed.provider import Provider as Provider
from laird.embed.results import Answer as Answer
from laird.embed.results import CostEstimate as CostEstimate
from laird.embed.results import CostSummary as CostSummary
from laird.embed.results import Delta as Delta
from laird.embed.results import Explanation as Explanation
from laird.embed.results import HealthReport as HealthReport
from laird.embed.results import ModelInfo as ModelInfo
from laird.embed.results import ProviderStatus as ProviderStatus
from laird.embed.results import ToolCall as ToolCall
from laird.embed.results import Vectors as Vectors
from laird.embed.session import open as open
from laird.embed.stream import ChatStream as ChatStream

__version__: str
__all__: list[str]
